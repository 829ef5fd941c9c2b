'use strict';

const { convertAddress, validateAddress } = require('./address.js');
const { invalidType, invalidValue, quote } = require('./errors.js');
const { lazily } = require('./lazily.js');

// Loading Node's TLS and crypto modules takes some 15 ms that a program without TLS need not spend.
const tlsOptions = lazily(() => require('./tls-options.js'));
const tlsLock = lazily(() => require('./tls-lock.js'));

const DEFAULT_HIGH_WATER_MARK = 65536;

const NO_OPTIONS = Object.freeze(Object.create(null));

/** "use" is the name that the first announcement gave to "on". */
const TRANSPORTS = new Map([
  ['off', 'off'],
  ['on', 'on'],
  ['starttls', 'starttls'],
  ['use', 'on'],
]);

/**
 * The two arguments of `connect()` as typed values:
 * `{ host, port, text, secureTransport, allowHalfOpen, highWaterMark, signal, lookup, ownLookup, tls, hostSettings }`.
 *
 * `settingsFor(host, port)` gives the host's settings, which come back as `hostSettings`.
 * Throws a TypeError for whatever cannot be used, in the order of the reference: both arguments are converted, then the
 * address is judged, then `secureTransport`, then the rest. Each member of the caller's objects is read once.
 */
function parseConnectArguments(address, options, settingsFor) {
  const target = convertAddress(address);
  const members = convertOptions(options);
  const { host, port, text } = validateAddress(target);
  const secureTransport = validateSecureTransport(members.secureTransport);
  validateSignal(members.signal);
  if (given(members.lookup) && typeof members.lookup !== 'function') {
    throw invalidType('options.lookup', 'a function', members.lookup);
  }
  const hostSettings = settingsFor(host, port);
  return {
    host,
    port,
    text,
    secureTransport,
    allowHalfOpen: members.allowHalfOpen,
    highWaterMark: members.highWaterMark,
    signal: members.signal ?? null,
    lookup: members.lookup ?? hostSettings.lookup,
    // In place of one that the host has set: it could claim any address for a name that the host allows.
    ownLookup: given(members.lookup) && hostSettings.lookup !== null,
    tls: parseTls(members, { host, secureTransport, hostSettings }),
    hostSettings,
  };
}

function convertOptions(options = NO_OPTIONS) {
  if (options === null || (typeof options !== 'object' && typeof options !== 'function')) {
    throw invalidType('options', 'an object', options);
  }
  return {
    secureTransport: convertSecureTransport(options.secureTransport),
    allowHalfOpen: Boolean(options.allowHalfOpen),
    highWaterMark: convertHighWaterMark(options.highWaterMark),
    sni: options.sni,
    alpn: options.alpn,
    signal: options.signal,
    tls: options.tls,
    lookup: options.lookup,
  };
}

function convertSecureTransport(value) {
  if (typeof value === 'symbol') throw invalidType('options.secureTransport', 'a string', value);
  return value === undefined ? 'off' : String(value);
}

/** To an integer as the reference converts it: null is 0, text and BigInt are taken, a fraction is cut. */
function convertHighWaterMark(value) {
  if (value === undefined) return DEFAULT_HIGH_WATER_MARK;
  if (typeof value === 'symbol') throw invalidType('options.highWaterMark', 'a number', value);
  const number = Math.trunc(Number(value));
  if (!Number.isSafeInteger(number) || number < 0) {
    throw invalidValue('options.highWaterMark', `must be a number of bytes; received ${quote(String(value))}`);
  }
  return number + 0;
}

function validateSecureTransport(value) {
  const transport = TRANSPORTS.get(value);
  if (transport) return transport;
  throw invalidValue('options.secureTransport', `must be "off", "on" or "starttls"; received ${quote(value)}`);
}

/** By its shape, so that signals of another realm or of a polyfill work. */
function validateSignal(signal) {
  if (!given(signal)) return;
  if (typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw invalidType('options.signal', 'an AbortSignal', signal);
  }
}

/** With "off" the settings are checked all the same, so that a mistake in them does not wait for the day of use. */
function parseTls({ sni, alpn, tls }, { host, secureTransport, hostSettings }) {
  if (secureTransport === 'off' && !given(sni) && !given(alpn) && !given(tls)) return null;
  // Only for "on" must the host be usable as a server name: a later startTls() may still give another one.
  const hostname = secureTransport === 'on' || tlsOptions().isServerName(host) ? host : null;
  const draft = { sni, alpn };
  const settings = parseHostedTls(tls, { hostname, field: 'options.tls', draft, hostSettings });
  return secureTransport === 'off' ? null : settings;
}

/**
 * TLS options over the settings of the host, `defaults` if those were parsed for this connection before. What the host has
 * locked is not overridden; nor is its name for the server by one that only repeats the host dialled, as drivers do.
 */
function parseHostedTls(options, { hostSettings, defaults = hostSettings.tls, ...context }) {
  const { parseTlsOptions } = tlsOptions();
  const wanted = parseTlsOptions(options, { ...context, defaults });
  const serverName = hostSettings.tls?.serverName ?? null;
  if (!hostSettings.lockTls && serverName === null) return wanted;
  const { isDialled, keepLocked } = tlsLock();
  if (!hostSettings.lockTls) return isDialled(wanted.serverName, context.hostname) ? { ...wanted, serverName } : wanted;
  const locked = parseTlsOptions(undefined, { hostname: context.hostname, defaults });
  return keepLocked(wanted, locked, { field: 'options', ...context, options });
}

function given(value) {
  return value !== undefined && value !== null;
}

module.exports = { parseConnectArguments, parseHostedTls };
