'use strict';
// For Node before `module.registerHooks()`: a loader on a thread of its own answers `import`, a patch `require()`.

const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const { makeRules } = require('./rules.js');

/** Makes both ways of loading follow the rules. */
function installFallback(routes) {
  try {
    Module.register(pathToFileURL(require.resolve('./loader.js')), { data: { routes } });
  } catch (error) {
    throw error.code === 'ERR_ACCESS_DENIED' ? require('../errors.js').threadDenied(error) : error;
  }

  const { resolveFilename } = makeRules(routes);
  const original = Module._resolveFilename;
  Module._resolveFilename = function _resolveFilename(request, ...rest) {
    return resolveFilename(request, () => original.call(this, request, ...rest));
  };
}

module.exports = { installFallback };
