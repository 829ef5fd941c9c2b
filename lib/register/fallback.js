'use strict';
// For Node before `module.registerHooks()`: a loader on a thread of its own answers `import`, a patch `require()`.

const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const { resolveFilename } = require('./rules.js');

/** Makes both ways of loading follow the rules. */
function installFallback() {
  Module.register(pathToFileURL(require.resolve('./loader.js')));

  const original = Module._resolveFilename;
  Module._resolveFilename = function _resolveFilename(request, ...rest) {
    return resolveFilename(request, () => original.call(this, request, ...rest));
  };
}

module.exports = { installFallback };
