'use strict';

const { invalidType, invalidValue } = require('./errors.js');

/** The length of a name is one byte on the wire (RFC 7301, 3.1). */
const MAX_NAME_LENGTH = 255;

/**
 * The protocols to offer, as an array of Buffers, from what was given under several names; null when nothing was.
 * `alpn` is the draft's list of strings, `ALPNProtocols` is Node's list or its wire format.
 */
function parseAlpn(candidates) {
  let chosen = null;
  for (const { field, value, wire } of candidates) {
    if (value === undefined || value === null) continue;
    const names = wire && ArrayBuffer.isView(value) ? splitWire(value, field) : parseList(value, field, wire);
    if (chosen && !sameNames(chosen.names, names)) {
      throw invalidValue(field, `disagrees with "${chosen.field}"`);
    }
    chosen ??= { field, names };
  }
  return chosen?.names ?? null;
}

function parseList(list, field, bytesAllowed) {
  if (!Array.isArray(list)) throw invalidType(field, 'an array', list);
  return list.map((item, index) => {
    if (typeof item !== 'string' && !(bytesAllowed && item instanceof Uint8Array)) {
      throw invalidType(`${field}[${index}]`, bytesAllowed ? 'a string or a Uint8Array' : 'a string', item);
    }
    const name = Buffer.from(item);
    if (name.length < 1 || name.length > MAX_NAME_LENGTH) {
      throw invalidValue(`${field}[${index}]`, `must be 1 to ${MAX_NAME_LENGTH} bytes long; received ${name.length}`);
    }
    return name;
  });
}

function splitWire(view, field) {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const names = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 1 + bytes[offset];
    if (end === offset + 1 || end > bytes.length) throw invalidValue(field, 'is no list of length-prefixed names');
    // A copy: the caller may change its buffer later.
    names.push(Buffer.from(bytes.subarray(offset + 1, end)));
    offset = end;
  }
  return names;
}

function sameNames(left, right) {
  return left.length === right.length && left.every((name, index) => name.equals(right[index]));
}

module.exports = { parseAlpn };
