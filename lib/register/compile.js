'use strict';
// The two files of drivers in which more has to change than the resolution of a name, at the moment Node compiles them.

const { join } = require('node:path');
const { findRoot } = require('./packages.js');

// Where pg chooses between node:net and pg-cloudflare.
const pgStream = join('lib', 'stream.js');
// What postgres has for Workers.
const postgresEntry = join('cf', 'src', 'index.js');
// What postgres has for `require()`.
const postgresForNode = join('cjs', 'src', 'index.js');

/** What to do with a file that may be one of them, for `routes`, which says of each route whether it is on. */
function makeDriverFiles(routes) {
  const isPgStream = (filename) => routes.pg && isFileOf('pg', pgStream, filename);
  const isPostgresEntry = (filename) => routes.postgres && isFileOf('postgres', postgresEntry, filename);

  /** Routes a copy of a driver; `run` is given what is to be compiled, and does it. */
  function compile(module, content, filename, run) {
    const { routePg, tellErrorsOnce } = isPgStream(filename) ? require('./pg.js') : {};
    const routed = routePg?.(module, content) ?? null;
    const result = run(routed ?? content);
    if (routed !== null) tellErrorsOnce(module.exports);
    // Required, an ES module is a namespace; those who require postgres call what they get.
    if (isPostgresEntry(filename)) module.exports = module.exports.default;
    return result;
  }

  /** Warns of a copy that was compiled before it could be routed. */
  function warnIfLate(filename) {
    if (isPgStream(filename)) warnLate('pg', filename);
    if (routes.postgres && isFileOf('postgres', postgresForNode, filename)) warnLate('postgres', filename);
  }

  return { compile, warnIfLate };
}

function warnLate(name, filename) {
  const reason = 'it was loaded before winter-sockets/register, which has to come first';
  require('./report.js').warnNotRouted(name, filename, reason);
}

/** Whether this is that file of the named package, under its root. */
function isFileOf(name, path, filename) {
  if (!filename.endsWith(path)) return false;
  const root = findRoot(filename, name);
  return root !== null && filename === join(root, path);
}

module.exports = { makeDriverFiles };
