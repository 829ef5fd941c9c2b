'use strict';
// Sends pg over the package. pg decides once between node:net and pg-cloudflare, when its lib/stream.js is evaluated;
// that file alone is given the `navigator` of a Worker, as a variable of its own. The global one is never touched.

const { tellRouted, warnNotRouted } = require('./report.js');

const SHIM = 'pg-cloudflare';

/** What to compile in place of pg's choice of streams; null for a pg that has to be left as it is. */
function routePg(module, content) {
  const routed = asInWorker(content);
  const obstacle = routed === null ? 'this version has no support for it' : missingShim(module);
  if (obstacle !== null) {
    warnNotRouted('pg', module.filename, obstacle);
    return null;
  }
  tellRouted('pg', module.filename);
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

/**
 * The source of that file with a `navigator` of its own, so that pg takes itself to be in a Worker and nobody else does;
 * null for a pg that does not ask. The arrow function keeps `this`, a directive and the numbers of the lines.
 */
function asInWorker(source) {
  if (!source.includes('Cloudflare-Workers')) return null;
  return `((navigator) => {${source}\n})({ userAgent: 'Cloudflare-Workers' });`;
}

/**
 * Over the shim an error can be told twice: to a query, and then to its pool as that of a client at rest, which ends a
 * process that does not listen for those. pg listens for errors of a stream and once more when it is secured, which over
 * node:tls is another object and here is the same; and the shim tells of a failed connection again if it has to be closed
 * with bytes unsent.
 */
function tellErrorsOnce(streams) {
  const { getStream } = streams;
  streams.getStream = function (...args) {
    const stream = getStream.apply(this, args);
    const { emit, on } = stream;
    const told = new Set();
    stream.emit = function (name, ...details) {
      if (name !== 'error') return emit.call(this, name, ...details);
      const [error] = details;
      if (told.has(error)) return false;
      told.add(error);
      return emit.call(this, name, error);
    };
    stream.on = function (name, listener) {
      const listens = name === 'error' && this.listeners(name).includes(listener);
      return listens ? this : on.call(this, name, listener);
    };
    return stream;
  };
}

module.exports = { SHIM, asInWorker, routePg, tellErrorsOnce };
