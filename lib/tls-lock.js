'use strict';
// `lockTls`: what a driver asks for must be what the binding says anyway.

const { invalidValue } = require('./errors.js');
const { fingerprint, isServerName, normalizeServerName } = require('./tls-options.js');

const isSame = (left, right) => left === right;
const hasSameBytes = (left, right) => left === right || (left && right && fingerprint(left) === fingerprint(right));
const hasSameItems = (left, right) => left.length === right.length && left.every((item, i) => item.equals(right[i]));

/** The settings that are compared, how, and the options that bring them about. */
const LOCKED = [
  ['ca', hasSameBytes, ['ca']],
  ['cert', hasSameBytes, ['cert']],
  ['key', hasSameBytes, ['key']],
  ['alpn', hasSameItems, ['alpn', 'ALPNProtocols']],
  ['rejectUnauthorized', isSame, ['rejectUnauthorized']],
  ['checkServerIdentity', isSame, ['checkServerIdentity']],
  ['minVersion', isSame, ['minVersion']],
  ['maxVersion', isSame, ['maxVersion']],
];

const NAMES = ['expectedServerHostname', 'servername', 'sni'];

/**
 * The binding's settings `locked`, if `wanted`, to which the options of a driver led, differs from them in no more than
 * naming the host that is dialled. Else throws a TypeError that names the option as a member of `field`.
 */
function keepLocked(wanted, locked, { options, hostname, field }) {
  for (const [setting, equals, names] of LOCKED) {
    if (!equals(wanted[setting], locked[setting])) throw differs(names, options, field);
  }
  const isNamed = isSameName(wanted.serverName, locked.serverName) || isDialled(wanted.serverName, hostname);
  if (!isNamed) throw differs(NAMES, options, field);
  if (locked.sni && !wanted.sni) throw differs(['servername', 'sni'], options, field);
  return locked;
}

/** Whether the name of a server only repeats the host that is dialled. */
function isDialled(serverName, hostname) {
  return (
    hostname !== null && isServerName(hostname) && isSameName(serverName, normalizeServerName(hostname, 'hostname'))
  );
}

function isSameName(left, right) {
  return left?.toLowerCase() === right?.toLowerCase();
}

function differs(names, options, field) {
  const name = names.find((each) => options?.[each] !== undefined && options[each] !== null);
  // What stands beside the object, by the draft, is a member of the options themselves.
  const where = name === undefined ? `options.${names[0] === 'alpn' ? 'alpn' : 'sni'}` : `${field}.${name}`;
  return invalidValue(where, 'differs from the binding, which locks its TLS settings');
}

module.exports = { isDialled, keepLocked };
