'use strict';

const { isIPv6 } = require('node:net');

/** `ip:port`, IPv6 in brackets, as Node tells an address; null as `{}`. */
function toNodeAddress(text) {
  if (text === null) return {};
  const colon = text.lastIndexOf(':');
  const address = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { address, family: isIPv6(address) ? 'IPv6' : 'IPv4', port: Number(text.slice(colon + 1)) };
}

module.exports = { toNodeAddress };
