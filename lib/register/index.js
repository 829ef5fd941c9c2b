'use strict';
// The preload: makes `cloudflare:sockets` a name for this package and routes drivers over it. Loading it is all there is
// to do. Every start pays for this file, so it loads the others no sooner than there is something for them to do.

const Module = require('node:module');

/** Which packages are routed where no configuration says otherwise. */
const ROUTES = { pg: true, postgres: false };
/** What rules.js has an answer to. */
const NAMES = new Set(['cloudflare:sockets', 'pg-cloudflare', 'postgres']);

/** As Node marks what a worker may not do. To ask `node:worker_threads` would cost each start a millisecond or two. */
const isWorker = process.abort.disabled === true;
const isConfigured = isWorker || process.env.WINTER_SOCKETS_CONFIG !== undefined;
const routes = isConfigured ? require('./configure.js').configure(ROUTES) : ROUTES;

/** What the files are called that compile.js may have something to change in. */
const fileNames = routes.postgres ? ['stream.js', 'index.js'] : ['stream.js'];

let rules = null;
let driverFiles = null;

if (process.versions.bun) {
  require('./bun.js').installInBun(routes);
} else {
  // Asked of Node, not of its version: 22 has it from 22.15 on.
  if (typeof Module.registerHooks === 'function') Module.registerHooks({ resolve });
  else require('./fallback.js').installFallback(routes);

  // Not `require.cache`, which a file that a loader gave Node has not.
  for (const filename of Object.keys(Module._cache)) {
    if (mayBeDriver(filename)) loadDriverFiles().warnIfLate(filename);
  }

  const compile = Module.prototype._compile;
  Module.prototype._compile = function _compile(content, filename, ...rest) {
    if (!mayBeDriver(filename)) return compile.call(this, content, filename, ...rest);
    const run = (source) => compile.call(this, source, filename, ...rest);
    return loadDriverFiles().compile(this, content, filename, run);
  };
}

function resolve(specifier, context, nextResolve) {
  if (!NAMES.has(specifier)) return nextResolve(specifier, context);
  rules ??= require('./rules.js').makeRules(routes);
  return rules.resolve(specifier, context, nextResolve);
}

function mayBeDriver(filename) {
  // A module that a program compiles by hand may have no file name.
  return fileNames.some((name) => filename?.endsWith(name));
}

function loadDriverFiles() {
  driverFiles ??= require('./compile.js').makeDriverFiles(routes);
  return driverFiles;
}
