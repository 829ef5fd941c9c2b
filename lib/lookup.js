'use strict';

const { isIP } = require('node:net');
const { setImmediate } = require('node:timers');
const { inspect } = require('node:util');

/**
 * Calls a lookup function of Node's signature; `done(error, addresses)` gets text addresses and is called once. Answers
 * of both forms are taken, the list that `all: true` asks for and a single address.
 */
function lookUp(lookup, host, done) {
  let called = false;
  const once = (error, addresses) => {
    if (called) return;
    called = true;
    // Never within `connect()`, which tells of the network only later.
    setImmediate(done, error, addresses);
  };
  try {
    const returned = lookup(host, { all: true, family: 0, hints: 0, verbatim: true }, (error, answer) => {
      if (error) return once(error);
      const addresses = Array.isArray(answer) ? answer.map((entry) => entry?.address ?? entry) : [answer];
      const bad = addresses.findIndex((address) => typeof address !== 'string' || isIP(address) === 0);
      return bad < 0 ? once(null, addresses) : once(invalidAddress(addresses[bad]));
    });
    // An async function that fails would be heard by nobody.
    if (typeof returned?.then === 'function') returned.then(undefined, once);
  } catch (error) {
    once(error);
  }
}

function invalidAddress(address) {
  const error = new TypeError(`lookup gave no IP address: ${inspect(address)}`);
  error.code = 'ERR_INVALID_IP_ADDRESS';
  return error;
}

module.exports = { invalidAddress, lookUp };
