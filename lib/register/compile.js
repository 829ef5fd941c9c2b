'use strict';
// The two files of drivers in which more has to change than the resolution of a name, at the moment Node compiles them.

const Module = require('node:module');
const { join, sep } = require('node:path');
const { findRoot } = require('./packages.js');
const { routePg, tellErrorsOnce } = require('./pg.js');
const { warnNotRouted } = require('./report.js');

// Where pg chooses between node:net and pg-cloudflare.
const pgStream = join(sep, 'lib', 'stream.js');
// What postgres has for Workers.
const postgresEntry = join(sep, 'cf', 'src', 'index.js');
// What postgres has for `require()`.
const postgresForNode = join(sep, 'cjs', 'src', 'index.js');

/** Routes every copy of a driver that is compiled from now on, and warns of those that came before. */
function wrapCompile(routes) {
  const isPgStream = (filename) => routes.pg && isFileOf('pg', pgStream, filename);
  const isPostgresEntry = (filename) => routes.postgres && isFileOf('postgres', postgresEntry, filename);

  const late = 'it was loaded before winter-sockets/register, which has to come first';
  for (const filename of Object.keys(require.cache)) {
    if (isPgStream(filename)) warnNotRouted('pg', filename, late);
    if (routes.postgres && isFileOf('postgres', postgresForNode, filename)) warnNotRouted('postgres', filename, late);
  }

  const compile = Module.prototype._compile;
  Module.prototype._compile = function _compile(content, filename, ...rest) {
    const routed = isPgStream(filename) ? routePg(this, content) : null;
    const result = compile.call(this, routed ?? content, filename, ...rest);
    if (routed !== null) tellErrorsOnce(this.exports);
    // Required, an ES module is a namespace; those who require postgres call what they get.
    if (isPostgresEntry(filename)) this.exports = this.exports.default;
    return result;
  };
}

/** Whether this is that file of the named package. */
function isFileOf(name, ending, filename) {
  // A module that a program compiles by hand may have no file name.
  return filename?.endsWith(ending) && findRoot(filename, name) !== null;
}

module.exports = { wrapCompile };
