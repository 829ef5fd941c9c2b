'use strict';
// What the preload tells of its work.

const { debuglog } = require('node:util');

const debug = debuglog('winter-sockets');
const told = new Set();

/** A copy of a package goes over us: one line under NODE_DEBUG=winter-sockets, however often it is asked for. */
function tellRouted(name, filename) {
  if (told.has(filename)) return;
  told.add(filename);
  debug('routing %s through cloudflare:sockets (%s)', name, filename);
}

/** A copy of a package that should go over us does not. */
function warnNotRouted(name, filename, reason) {
  if (told.has(filename)) return;
  told.add(filename);
  process.emitWarning(`${name} is not routed through cloudflare:sockets: ${reason} (${filename})`, {
    code: `WINTER_SOCKETS_${name.toUpperCase()}_NOT_ROUTED`,
  });
}

module.exports = { tellRouted, warnNotRouted };
