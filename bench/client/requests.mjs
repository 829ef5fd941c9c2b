// What a client can ask the server for; native/src/bin/bench-server/protocol.rs has the answers.

import { Buffer } from 'node:buffer';

/** The eight plain bytes that ask for TLS on the "starttls" port; the server agrees with one. */
export const tlsRequest = Buffer.alloc(8, 't');

/** So many bytes are sent. */
export const download = (bytes) => request('D', bytes);

/** So many bytes are read, and answered with one. */
export const upload = (bytes) => request('U', bytes);

/** Messages of this size are sent back, until the client ends. */
export const echo = (size) => request('E', size);

/** At most `bytes` are read every `milliseconds`, until the client ends. */
export const readSlowly = (bytes, milliseconds) => request('S', bytes, milliseconds * 1000);

function request(letter, a, b = 0) {
  const bytes = Buffer.alloc(17);
  bytes.write(letter);
  bytes.writeBigUInt64BE(BigInt(a), 1);
  bytes.writeBigUInt64BE(BigInt(b), 9);
  return bytes;
}
