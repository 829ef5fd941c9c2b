'use strict';
// Rules of where connections may lead, from text to what the native side compares candidates with.

const { isIP } = require('node:net');

const { invalidType, invalidValue, quote } = require('./errors.js');

const CLASSES = new Set(['public', 'private', 'local']);
const LENGTHS = { 4: 32, 6: 128 };
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
/** What resolvers take for an address in a form of its own, such as `127.1` or `0x7f000001`. */
const NUMBER_AT_THE_END = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;

/** The rules of a list, each `{ class }`, `{ range, port }` or `{ host, port }`; null where there is no list. */
function parseRules(list, field) {
  if (list === undefined) return null;
  if (!Array.isArray(list)) throw invalidType(field, 'an array', list);
  // Without a prototype: the native side reads each member, and must find no other's.
  return Array.from(list, (entry, index) => ({ __proto__: null, ...parseRule(entry, `${field}[${index}]`) }));
}

function parseRule(entry, field) {
  if (typeof entry !== 'string') throw invalidType(field, 'a string', entry);
  const word = entry.toLowerCase();
  if (CLASSES.has(word)) return { class: word };
  if (entry.includes('/')) return { range: parseRange(entry, field) };
  const { host, port } = parseHostAndPort(entry, field);
  const family = isIP(host);
  return family === 0 ? { host, port } : { range: `${host}/${LENGTHS[family]}`, port };
}

function parseRange(entry, field) {
  const [address, length, ...rest] = entry.split('/');
  const longest = LENGTHS[isIP(address)];
  const isLength = /^\d{1,3}$/.test(length) && Number(length) <= longest;
  if (longest === undefined || address.includes('%') || !isLength || rest.length > 0) {
    throw invalidValue(field, `is no range of addresses such as "10.0.0.0/8": ${quote(entry)}`);
  }
  return `${address}/${Number(length)}`;
}

/**
 * `host` or `host:port` as `{ host, port }`: lower case, without brackets and without a final dot; `port` is undefined where
 * there is none.
 */
function parseHostAndPort(entry, field) {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const host = bracketed ?? (isIP(entry) === 6 ? entry : plain)?.toLowerCase().replace(/\.$/, '');
  const port = digits === undefined ? undefined : Number(digits);
  if (!isHost(host, bracketed !== undefined) || port === 0 || port > 65535) {
    throw invalidValue(field, `is no host, "host:port" or address: ${quote(entry)}`);
  }
  if (CLASSES.has(host)) throw invalidValue(field, `is a group of addresses in the place of a host: ${quote(entry)}`);
  if (isIP(host) === 0 && NUMBER_AT_THE_END.test(host)) {
    throw invalidValue(
      field,
      `is an address in a form that systems read differently: ${quote(entry)}; write it in full`,
    );
  }
  return { host: host.toLowerCase(), port };
}

function isHost(host, bracketed) {
  if (host === undefined || host.includes('%')) return false;
  return bracketed ? isIP(host) === 6 : isIP(host) !== 0 || (host.length <= 253 && LABELS.test(host));
}

module.exports = { parseHostAndPort, parseRules };
