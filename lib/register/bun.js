'use strict';
// The preload in Bun, which has hooks of its own and asks none of Node's.

const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { conditionalEntry, findRoot } = require('./packages.js');
const { SHIM, routePg, tellErrorsOnce } = require('./pg.js');
const { warnNotRouted } = require('./report.js');

const entry = require.resolve('../../index.js');
const pgStream = /[\\/]pg[\\/]lib[\\/]stream\.js$/;

function installInBun(routes) {
  // Only Bun has this module.
  const { plugin } = require('bun');
  plugin({
    name: 'winter-sockets',
    setup(build) {
      build.module('cloudflare:sockets', () => ({ exports: require(entry), loader: 'object' }));
      if (routes.pg) build.onLoad({ filter: pgStream }, ({ path }) => ({ exports: evaluate(path), loader: 'object' }));
    },
  });
  if (routes.postgres) warnNotRouted('postgres', process.execPath, 'this is not done in Bun');
}

/** What a CommonJS file exports. Bun would take a source that a plugin hands it for an ES module. */
function evaluate(filename) {
  const content = readFileSync(filename, 'utf8');
  const module = { filename, exports: {}, require: requireOf(filename) };
  const routed = findRoot(filename, 'pg') === null ? null : routePg(module, content);
  const run = new Function('exports', 'require', 'module', '__filename', '__dirname', routed ?? content);
  run.call(module.exports, module.exports, module.require, module, filename, dirname(filename));
  if (routed !== null) tellErrorsOnce(module.exports);
  return module.exports;
}

/** The `require()` of a file, which finds the build for Workers of pg's shim. */
function requireOf(filename) {
  const require = createRequire(filename);
  return (name) => {
    if (name !== SHIM) return require(name);
    const found = require.resolve(SHIM);
    const root = findRoot(found, SHIM);
    return require((root && conditionalEntry(root, 'workerd')) ?? found);
  };
}

module.exports = { installInBun };
