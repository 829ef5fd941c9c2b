'use strict';
// The configuration of a binding, checked when the binding is made: every mistake in it is told there and then.

const { closeSync, openSync } = require('node:fs');

const { invalidType, invalidValue } = require('./errors.js');
const { CLOSE_TIMEOUT } = require('./host-settings.js');
const { ConnectTerms } = require('./native.js');
const { parseRules } = require('./network-policy.js');

const MEMBERS = ['tls', 'network', 'timeout', 'closeTimeout', 'keepAlive', 'lookup', 'lockTls'];
const NETWORK_MEMBERS = ['allow', 'deny'];

/** The longest time a timer of Node's can be set to, some 24 days. */
const LONGEST = 2 ** 31 - 1;

/** Each binding has sessions of its own, whatever its settings have in common with those of another one. */
let bindings = 0;

/** Host settings from `config`; throws a TypeError that names what cannot be used as a member of `field`. */
function parseBindingSettings(config, field) {
  expectObject(config, field);
  refuseUnknown(config, MEMBERS, field);
  const { tls, network, timeout, closeTimeout, keepAlive, lookup, lockTls } = config;
  if (given(lookup) && typeof lookup !== 'function') throw invalidType(`${field}.lookup`, 'a function', lookup);
  if (given(lockTls) && typeof lockTls !== 'boolean') throw invalidType(`${field}.lockTls`, 'a boolean', lockTls);
  return Object.freeze({
    tls: parseTls(tls, `${field}.tls`),
    lockTls: lockTls ?? false,
    lookup: lookup ?? null,
    closeTimeout: parseMilliseconds(closeTimeout, 1, `${field}.closeTimeout`) ?? CLOSE_TIMEOUT,
    terms: parseTerms({ network, timeout, keepAlive }, field),
  });
}

function parseTls(tls, field) {
  const { parseTlsOptions } = require('./tls-options.js');
  const { bindingOptions } = require('./tls-option-table.js');
  const options = tls ?? {};
  expectObject(options, field);
  refuseUnknown(options, bindingOptions, field);
  const { keyLogFile, ...rest } = options;
  const settings = parseTlsOptions(rest, { field });
  return Object.freeze({ ...settings, keyLogFile: parseKeyLogFile(keyLogFile, field), binding: ++bindings });
}

/** Opened once to see that it can be, and made if it is not there. */
function parseKeyLogFile(file, tlsField) {
  const field = `${tlsField}.keyLogFile`;
  if (!given(file)) return null;
  if (typeof file !== 'string') throw invalidType(field, 'a string', file);
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw invalidValue(field, `cannot be opened: ${error.code}`);
  }
  return file;
}

function parseTerms({ network, timeout, keepAlive }, field) {
  const { allow, deny } = parseNetwork(network, `${field}.network`);
  const terms = {
    allow: allow ?? undefined,
    deny: deny ?? [],
    timeout: parseMilliseconds(timeout, 1, `${field}.timeout`),
    keepAlive: parseKeepAlive(keepAlive, `${field}.keepAlive`),
  };
  const isEmpty = !terms.allow && terms.deny.length === 0 && !terms.timeout && terms.keepAlive === undefined;
  return isEmpty ? null : new ConnectTerms(terms);
}

function parseNetwork(network, field) {
  if (!given(network)) return {};
  expectObject(network, field);
  refuseUnknown(network, NETWORK_MEMBERS, field);
  return { allow: parseRules(network.allow, `${field}.allow`), deny: parseRules(network.deny, `${field}.deny`) };
}

/** Milliseconds of silence; 0 leaves the time to the system, undefined is off. */
function parseKeepAlive(keepAlive, field) {
  if (!given(keepAlive) || keepAlive === false) return undefined;
  if (keepAlive === true) return 0;
  if (typeof keepAlive !== 'number') throw invalidType(field, 'a boolean or a number', keepAlive);
  // The kernel counts in seconds.
  return parseMilliseconds(keepAlive, 1000, field);
}

function parseMilliseconds(value, least, field) {
  if (!given(value)) return undefined;
  if (typeof value !== 'number') throw invalidType(field, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > LONGEST) {
    throw invalidValue(field, `must be a whole number of milliseconds, ${least} to ${LONGEST}; received ${value}`);
  }
  return value;
}

function refuseUnknown(object, known, field) {
  for (const name of Object.keys(object)) {
    if (!known.includes(name)) throw invalidValue(`${field}.${name}`, `is no setting; there are ${known.join(', ')}`);
  }
}

function expectObject(value, field) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidType(field, 'an object', value);
}

function given(value) {
  return value !== undefined && value !== null;
}

module.exports = { MEMBERS, parseBindingSettings };
