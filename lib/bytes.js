'use strict';

const { isAnyArrayBuffer } = require('node:util').types;

const NOTHING = new Uint8Array(0);

/**
 * The bytes of a chunk as a Uint8Array over memory that nobody else writes to during the call. Strings are UTF-8; nothing
 * is copied but strings and shared memory. Throws a TypeError for what is neither bytes nor text.
 */
function toBytes(chunk) {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (ArrayBuffer.isView(chunk)) return isDetached(chunk.buffer) ? NOTHING : unshared(chunk);
  if (isAnyArrayBuffer(chunk)) return isDetached(chunk) ? NOTHING : unshared(new Uint8Array(chunk));
  if (chunk === undefined) return NOTHING;
  const received = chunk === null ? 'null' : typeof chunk === 'object' ? 'an object' : `a ${typeof chunk}`;
  const error = new TypeError(`A chunk must be a string, an ArrayBuffer or a view of one; received ${received}`);
  error.code = 'ERR_INVALID_ARG_TYPE';
  throw error;
}

function unshared({ buffer, byteOffset, byteLength }) {
  const view = new Uint8Array(buffer, byteOffset, byteLength);
  return buffer instanceof SharedArrayBuffer ? new Uint8Array(view) : view;
}

/** As the reference does, memory that was given away counts as empty. */
function isDetached(buffer) {
  if (buffer.byteLength > 0 || buffer instanceof SharedArrayBuffer) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** The size of a chunk in bytes, 0 for one that `toBytes` refuses. */
function byteLength(chunk) {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  if (ArrayBuffer.isView(chunk) && isDetached(chunk.buffer)) return 0;
  return chunk?.byteLength ?? 0;
}

module.exports = { byteLength, toBytes };
