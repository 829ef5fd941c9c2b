// What a test server does with a connection. A handler is `(stream, log) => void`; the stream is paused when it is called.

import { createCipheriv } from 'node:crypto';
import { Readable } from 'node:stream';

// A prime length, so that the pattern has no period in common with any buffer size.
const patternBlock = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(65521));

/** The given number of bytes of a fixed pattern, from an offset within it. */
export function pattern(length, offset = 0) {
  const bytes = Buffer.allocUnsafe(length);
  let from = offset % patternBlock.length;
  for (let at = 0; at < length; from = 0) at += patternBlock.copy(bytes, at, from);
  return bytes;
}

/** Sends everything back; ends when the client has ended. */
export function echo() {
  return (stream, log) => {
    log.observe(stream);
    stream.pipe(stream);
  };
}

/** Reads and sends nothing; ends when the client has ended. */
export function sink() {
  return (stream, log) => {
    log.observe(stream);
    stream.on('end', () => stream.end());
  };
}

/** Sends `total` bytes of the pattern, then ends, or with `keepOpen` waits for the client's end. */
export function sender(total, { keepOpen = false, chunkSize = 64 * 1024 } = {}) {
  return (stream, log) => {
    log.observe(stream);
    if (keepOpen) stream.on('end', () => stream.end());
    Readable.from(patternChunks(total, chunkSize)).pipe(stream, { end: !keepOpen });
  };
}

function* patternChunks(total, chunkSize) {
  for (let offset = 0; offset < total; offset += chunkSize) {
    yield pattern(Math.min(chunkSize, total - offset), offset);
  }
}

/** Accepts and never reads, writes or ends. */
export function silent() {
  return () => {};
}

/** Says something at once, then goes on as another handler. */
export function greeter(text, next = sink()) {
  return (stream, log) => {
    stream.write(text);
    next(stream, log);
  };
}

/** Answers the first bytes with the given ones, then goes on reading. */
export function answerer(bytes) {
  return (stream, log) => {
    stream.once('data', () => stream.write(bytes));
    sink()(stream, log);
  };
}

/** Ends its own direction at once, after the text if there is one, and reads on until the client ends. */
export function closer(text = '') {
  return (stream, log) => {
    log.observe(stream);
    stream.end(text);
  };
}

/** Waits for the client's end, then still sends the reply before its own. */
export function halfOpen(reply) {
  return (stream, log) => {
    log.observe(stream);
    stream.on('end', () => stream.end(reply));
  };
}

/**
 * Resets the connection (RST): at once, which may come before the client knows that it is connected, or after its first
 * bytes (`on: 'data'`); having sent the text if there is one.
 */
export function resetter({ on = 'connect', text = '' } = {}) {
  return (stream, log) => {
    const reset = () => log.socket.resetAndDestroy();
    const speakAndReset = () => (text === '' ? reset() : stream.write(text, reset));
    if (on === 'connect') return speakAndReset();
    stream.once('data', speakAndReset);
    log.observe(stream);
  };
}

/** Over TLS: ends TCP after the text without the close_notify that should come first, as a cut connection does. */
export function truncator(text) {
  return (stream, log) => {
    log.observe(stream);
    stream.write(text, () => log.socket.end());
  };
}
