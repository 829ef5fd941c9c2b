'use strict';
// Sends pg over the package. pg decides once between node:net and pg-cloudflare, when its lib/stream.js is evaluated;
// that file alone is given the `navigator` of a Worker, as a variable of its own. The global one is never touched.

const Module = require('node:module');
const { debuglog } = require('node:util');
const { SHIM, asInWorker, isPgStream } = require('./rules.js');

const debug = debuglog('winter-sockets');

/** Routes every copy of pg that is loaded from now on, and warns of those that came before. */
function routePg() {
  for (const filename of Object.keys(require.cache).filter(isPgStream)) {
    warn(filename, 'it was loaded before winter-sockets/register, which has to come first');
  }

  const compile = Module.prototype._compile;
  Module.prototype._compile = function _compile(content, filename, ...rest) {
    return compile.call(this, isPgStream(filename) ? route(this, content) : content, filename, ...rest);
  };
}

/** What to compile in place of pg's choice of streams. */
function route(module, content) {
  const routed = asInWorker(content);
  const obstacle = routed === null ? 'this version has no support for it' : missingShim(module);
  if (obstacle !== null) {
    warn(module.filename, obstacle);
    return content;
  }
  debug('routing pg through cloudflare:sockets (%s)', module.filename);
  return routed;
}

/** Why pg would not find its shim; null when it will. Without this check its first connection would throw. */
function missingShim(module) {
  try {
    const { CloudflareSocket } = module.require(SHIM);
    return typeof CloudflareSocket === 'function' ? null : `the installed ${SHIM} is empty here`;
  } catch (error) {
    return `its optional dependency ${SHIM} cannot be loaded: ${error.message.split('\n')[0]}`;
  }
}

function warn(filename, reason) {
  process.emitWarning(`pg is not routed through cloudflare:sockets: ${reason} (${filename})`, {
    code: 'WINTER_SOCKETS_PG_NOT_ROUTED',
  });
}

module.exports = { routePg };
