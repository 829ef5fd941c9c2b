'use strict';

const { isIPv6 } = require('node:net');

const { invalidType, invalidValue, quote } = require('./errors.js');

/** Host, colon and port together, as in the reference. */
const MAX_LENGTH = 255;
const MAX_PORT = 65535;
const UNSUPPORTED = /[^A-Za-z0-9\-._[\]:]/;

/**
 * First half of reading an address: takes each value from the caller once. What the values say is judged by
 * `validateAddress`, after the options have been read, because that is the order of the reference.
 */
function convertAddress(address) {
  if (address === undefined || address === null || typeof address === 'symbol') {
    throw invalidType('address', 'a string or an object with hostname and port', address);
  }
  if (typeof address !== 'object' && typeof address !== 'function') return { text: String(address) };
  const hostname = convertHostname(address.hostname);
  return { hostname, port: convertPort(address.port) };
}

function convertHostname(hostname) {
  if (hostname === undefined || hostname === null || typeof hostname === 'symbol') {
    throw invalidType('address.hostname', 'a string', hostname);
  }
  return String(hostname);
}

function convertPort(port) {
  if (typeof port === 'string' && /^\d+$/.test(port)) return Number(port);
  if (typeof port === 'string' || Number.isNaN(port)) throw invalidValue('address.port', 'is not a number');
  if (typeof port !== 'number') throw invalidType('address.port', 'a number', port);
  return Math.trunc(port);
}

/**
 * Second half: `{ host, port, text }`. `host` is what is resolved, without brackets; `text` is the address as the caller
 * gave it, except that a bare IPv6 hostname gets brackets, without which its port could not be told apart.
 */
function validateAddress({ text, hostname, port }) {
  return text === undefined ? validateRecord(hostname, port) : validateText(text);
}

function validateRecord(hostname, port) {
  if (hostname === '') throw invalidValue('address.hostname', 'is empty');
  checkCharacters(hostname, 'address.hostname');
  if (port < 0 || port > MAX_PORT) throw invalidValue('address.port', `must be 0 to ${MAX_PORT}; received ${port}`);
  const name = isIPv6(hostname) ? `[${hostname}]` : hostname;
  // Adding zero turns the -0 that a cut fraction leaves into 0.
  return { host: parseHost(name, 'address.hostname'), port: port + 0, text: checkLength(`${name}:${port + 0}`) };
}

function validateText(text) {
  if (text === '') throw invalidValue('address', 'is empty; "host:port" is expected');
  checkCharacters(text, 'address');
  checkLength(text);
  const colon = text.lastIndexOf(':');
  const hasPort = colon > text.lastIndexOf(']') && colon < text.length - 1;
  if (!hasPort) throw invalidValue('address', `has no port: ${quote(text)}; "host:port" is expected`);
  if (colon === 0) throw invalidValue('address', `has no host: ${quote(text)}; "host:port" is expected`);
  const digits = text.slice(colon + 1);
  if (!/^\d+$/.test(digits) || Number(digits) > MAX_PORT) {
    throw invalidValue('address', `must end in a port of 0 to ${MAX_PORT}; received ${quote(text)}`);
  }
  return { host: parseHost(text.slice(0, colon), 'address'), port: Number(digits), text };
}

/** Names only the offending character: a whole URL passed by mistake may hold a password. */
function checkCharacters(text, field) {
  const found = UNSUPPORTED.exec(text);
  if (found) throw invalidValue(field, `contains the unsupported character ${JSON.stringify(found[0])}`);
}

function checkLength(text) {
  if (text.length > MAX_LENGTH) throw invalidValue('address', `is longer than ${MAX_LENGTH} characters`);
  return text;
}

function parseHost(host, field) {
  const literal = /^\[(.*)\]$/.exec(host)?.[1];
  if (literal === undefined ? /[[\]:]/.test(host) : !isIPv6(literal)) {
    throw invalidValue(field, `has a malformed host: ${quote(host)}; an IPv6 address goes in brackets`);
  }
  return literal ?? host;
}

module.exports = { convertAddress, validateAddress };
