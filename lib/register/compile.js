'use strict';
// The two files of drivers in which more has to change than the resolution of a name, at the moment Node compiles them. Loads
// what it needs for them when it meets the first.

const Module = require('node:module');
const { join } = require('node:path');

// Where pg chooses between node:net and pg-cloudflare.
const pgStream = join('lib', 'stream.js');
// What postgres has for Workers.
const postgresEntry = join('cf', 'src', 'index.js');
// What postgres has for `require()`.
const postgresForNode = join('cjs', 'src', 'index.js');

/** Routes every copy of a driver that is compiled from now on, and warns of those that came before. */
function wrapCompile(routes) {
  const isPgStream = (filename) => routes.pg && isFileOf('pg', pgStream, filename);
  const isPostgresEntry = (filename) => routes.postgres && isFileOf('postgres', postgresEntry, filename);

  // Not `require.cache`, which a file that a loader gave Node has not.
  for (const filename of Object.keys(Module._cache)) {
    if (isPgStream(filename)) warnLate('pg', filename);
    if (routes.postgres && isFileOf('postgres', postgresForNode, filename)) warnLate('postgres', filename);
  }

  const compile = Module.prototype._compile;
  Module.prototype._compile = function _compile(content, filename, ...rest) {
    const { routePg, tellErrorsOnce } = isPgStream(filename) ? require('./pg.js') : {};
    const routed = routePg?.(this, content) ?? null;
    const result = compile.call(this, routed ?? content, filename, ...rest);
    if (routed !== null) tellErrorsOnce(this.exports);
    // Required, an ES module is a namespace; those who require postgres call what they get.
    if (isPostgresEntry(filename)) this.exports = this.exports.default;
    return result;
  };
}

function warnLate(name, filename) {
  const reason = 'it was loaded before winter-sockets/register, which has to come first';
  require('./report.js').warnNotRouted(name, filename, reason);
}

/** Whether this is that file of the named package, under its root. */
function isFileOf(name, path, filename) {
  // A module that a program compiles by hand may have no file name.
  if (!filename?.endsWith(path)) return false;
  const root = require('./packages.js').findRoot(filename, name);
  return root !== null && filename === join(root, path);
}

module.exports = { wrapCompile };
