'use strict';

const { isAnyArrayBuffer } = require('node:util').types;

/**
 * The bytes of a chunk as a Uint8Array over memory that nobody else writes to during the call. Strings are UTF-8; nothing
 * is copied but strings and shared memory. Throws a TypeError for what is neither bytes nor text.
 */
function toBytes(chunk) {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (ArrayBuffer.isView(chunk)) return unshared(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (isAnyArrayBuffer(chunk)) return unshared(chunk, 0, chunk.byteLength);
  if (chunk === undefined) return new Uint8Array(0);
  const received = chunk === null ? 'null' : typeof chunk === 'object' ? 'an object' : `a ${typeof chunk}`;
  const error = new TypeError(`A chunk must be a string, an ArrayBuffer or a view of one; received ${received}`);
  error.code = 'ERR_INVALID_ARG_TYPE';
  throw error;
}

function unshared(buffer, offset, length) {
  const view = new Uint8Array(buffer, offset, length);
  return buffer instanceof SharedArrayBuffer ? new Uint8Array(view) : view;
}

/** The size of a chunk in bytes, 0 for one that `toBytes` refuses. */
function byteLength(chunk) {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return chunk?.byteLength ?? 0;
}

module.exports = { byteLength, toBytes };
