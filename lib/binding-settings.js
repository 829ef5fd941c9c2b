'use strict';
// The configuration of a binding, checked when the binding is made: every mistake in it is told there and then.

const { closeSync, openSync, statSync } = require('node:fs');
const { resolve } = require('node:path');

const { expectMembers, expectObject } = require('./check.js');
const { invalidType, invalidValue } = require('./errors.js');
const { CLOSE_TIMEOUT } = require('./host-settings.js');
const { ConnectTerms } = require('./native.js');
const { parseRules } = require('./network-policy.js');
const { tlsOptionTable } = require('./tls-option-table.js');

const MEMBERS = ['tls', 'network', 'timeout', 'closeTimeout', 'keepAlive', 'lookup', 'lockTls'];
const NETWORK_MEMBERS = ['allow', 'deny'];
/** Here a name that has no effect is a mistake. */
const TLS_MEMBERS = Object.keys(tlsOptionTable).filter((name) =>
  ['honoured', 'binding'].includes(tlsOptionTable[name].verdict),
);

/** The longest time a timer of Node's can be set to, some 24 days. */
const LONGEST = 2 ** 31 - 1;

/** Host settings from `config`; throws a TypeError that names what cannot be used as a member of `field`. */
function parseBindingSettings(config, field) {
  expectObject(config, field);
  expectMembers(config, MEMBERS, field);
  const { tls, network, timeout, closeTimeout, keepAlive, lookup, lockTls } = config;
  if (lookup !== undefined && typeof lookup !== 'function') throw invalidType(`${field}.lookup`, 'a function', lookup);
  if (lockTls !== undefined && typeof lockTls !== 'boolean')
    throw invalidType(`${field}.lockTls`, 'a boolean', lockTls);
  return Object.freeze({
    tls: parseTls(tls, `${field}.tls`),
    lockTls: lockTls ?? false,
    lookup: lookup ?? null,
    closeTimeout: parseMilliseconds(closeTimeout, 1, `${field}.closeTimeout`) ?? CLOSE_TIMEOUT,
    terms: parseTerms({ network, timeout, keepAlive }, field),
    contexts: new Map(),
  });
}

/** Null where nothing is set: Node's TLS and crypto modules are then not loaded for it. */
function parseTls(tls, field) {
  if (tls === undefined) return null;
  expectObject(tls, field);
  expectMembers(tls, TLS_MEMBERS, field);
  if (tls.passphrase !== undefined && tls.key === undefined) {
    throw invalidValue(`${field}.passphrase`, 'is given without `key`');
  }
  const { parseTlsOptions } = require('./tls-options.js');
  const settings = parseTlsOptions(tls, { field, forBinding: true });
  return Object.freeze({ ...settings, keyLogFile: parseKeyLogFile(settings.keyLogFile, `${field}.keyLogFile`) });
}

/** Opened once to see that it can be, and made if it is not there. */
function parseKeyLogFile(file, field) {
  if (file === null) return null;
  if (typeof file !== 'string') throw invalidType(field, 'a string', file);
  try {
    // Opening a pipe that nobody reads waits for ever, and so may writing to it.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) throw invalidValue(field, 'is no regular file');
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw error.code === 'ERR_INVALID_ARG_VALUE' ? error : invalidValue(field, `cannot be opened: ${error.code}`);
  }
  // Opened anew when the first connection needs it, from wherever the program stands by then.
  return resolve(file);
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
  if (network === undefined) return {};
  expectObject(network, field);
  expectMembers(network, NETWORK_MEMBERS, field);
  return { allow: parseRules(network.allow, `${field}.allow`), deny: parseRules(network.deny, `${field}.deny`) };
}

/** Milliseconds of silence; 0 leaves the time to the system, undefined is off. */
function parseKeepAlive(keepAlive, field) {
  if (keepAlive === undefined || keepAlive === false) return undefined;
  if (keepAlive === true) return 0;
  if (typeof keepAlive !== 'number') throw invalidType(field, 'a boolean or a number', keepAlive);
  // The kernel counts in seconds.
  return parseMilliseconds(keepAlive, 1000, field);
}

function parseMilliseconds(value, least, field) {
  if (value === undefined) return undefined;
  if (typeof value !== 'number') throw invalidType(field, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > LONGEST) {
    throw invalidValue(field, `must be a whole number of milliseconds, ${least} to ${LONGEST}; received ${value}`);
  }
  return value;
}

module.exports = { MEMBERS, TLS_MEMBERS, parseBindingSettings };
