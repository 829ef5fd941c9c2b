// DER, as far as certificates need it: values that no library would write included.

const UNIVERSAL = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, null: 0x05, oid: 0x06, utf8: 0x0c };
const [PRINTABLE, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET] = [0x13, 0x17, 0x18, 0x30, 0x31];

function tagged(tag, ...contents) {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body), body]);
}

function lengthOf({ length }) {
  if (length < 0x80) return Buffer.from([length]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xffff ? 6 : length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | digits.length]), digits]);
}

export const sequence = (...items) => tagged(SEQUENCE, ...items);
export const set = (...items) => tagged(SET, ...items);
export const octets = (bytes) => tagged(UNIVERSAL.octets, bytes);
export const boolean = (value) => tagged(UNIVERSAL.boolean, Buffer.from([value ? 0xff : 0]));
export const utf8 = (text) => tagged(UNIVERSAL.utf8, Buffer.from(text));
export const printable = (text) => tagged(PRINTABLE, Buffer.from(text, 'latin1'));
export const nothing = tagged(UNIVERSAL.null);

/** A BIT STRING of whole bytes. */
export const bits = (bytes) => tagged(UNIVERSAL.bits, Buffer.from([0]), bytes);

/** A BIT STRING with the numbered bits set. */
export function flags(...numbers) {
  const bytes = Buffer.alloc(Math.floor(Math.max(...numbers, 0) / 8) + 1);
  for (const number of numbers) bytes[number >> 3] |= 0x80 >> (number & 7);
  const unused = numbers.length === 0 ? 7 : 7 - (Math.max(...numbers) & 7);
  return tagged(UNIVERSAL.bits, Buffer.from([unused]), bytes);
}

/** An INTEGER: a number or a BigInt from 0 on, or its bytes as they are. */
export function integer(value) {
  if (Buffer.isBuffer(value)) return tagged(UNIVERSAL.integer, value);
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex');
  return tagged(UNIVERSAL.integer, bytes[0] & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function oid(text) {
  const [first, second, ...rest] = text.split('.').map(Number);
  const encode = (number) => {
    const groups = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  };
  return tagged(UNIVERSAL.oid, Buffer.from([first * 40 + second, ...rest.flatMap(encode)]));
}

/** A date, in the form that its year demands. */
export function time(date) {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const short = date.getUTCFullYear() >= 1950 && date.getUTCFullYear() < 2050;
  return tagged(short ? UTC_TIME : GENERALIZED_TIME, Buffer.from(short ? digits.slice(2) : digits));
}

/** A field that is told by its number: explicit or a constructed one, or one that holds plain bytes. */
export const field = (number, ...items) => tagged(0xa0 | number, ...items);
export const plainField = (number, bytes) => tagged(0x80 | number, bytes);
