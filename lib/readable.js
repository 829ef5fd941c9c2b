'use strict';
// The incoming direction as a byte stream.

const { ReadResult } = require('./native.js');

/** The largest chunk that a read without a buffer of its own gets. */
const CHUNK = 64 * 1024;

/** What the stream reads from: the bytes that the connection has received. */
class Source {
  type = 'bytes';
  #controller;
  #lifecycle;
  #connection;
  #stream;
  #over = false;
  /** Whether a read found nothing and waits for the connection to tell of more. */
  #waiting = false;

  constructor(lifecycle, connection) {
    this.#lifecycle = lifecycle;
    this.#connection = connection;
    // Nothing is read before somebody asks: an unread peer must feel the back-pressure.
    this.#stream = new ReadableStream(this, { highWaterMark: 0 });
  }

  get stream() {
    return this.#stream;
  }

  start(controller) {
    this.#controller = controller;
  }

  pull() {
    if (!this.#waiting) this.#deliver();
  }

  cancel() {
    this.#over = true;
    this.#lifecycle.inputCancelled();
  }

  /** The connection has something for the read that waits. */
  tell() {
    if (!this.#waiting) return;
    this.#waiting = false;
    // Without a reader there is no read: the bytes stay where they are until somebody asks again.
    if (this.#stream.locked) this.#deliver();
  }

  #deliver() {
    if (this.#over) return;
    const found = this.#connection.pollRead();
    if (found > 0) {
      this.#handOver(found);
    } else if (found === ReadResult.Pending) {
      this.#waiting = true;
    } else if (found === ReadResult.End) {
      this.end();
      this.#lifecycle.inputEnded();
    } else {
      this.#lifecycle.readFailed();
    }
  }

  #handOver(available) {
    // `enqueue()` for a reader with a buffer of its own too: `byobRequest` may be left over from one that has gone, and an
    // answer to it would wait for a reader of its kind. No more than fits its buffer: the rest stays where it is.
    const wanted = this.#controller.byobRequest?.view.byteLength ?? CHUNK;
    // Memory of its own, exactly as large: a byte stream hands the whole buffer on. Not zeroed, since all of it is
    // overwritten.
    const chunk = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(available, wanted, CHUNK)).buffer);
    this.#connection.take(chunk);
    this.#controller.enqueue(chunk);
  }

  /** No more bytes come: pending and later reads say done. */
  end() {
    if (this.#over) return;
    this.#over = true;
    const controller = this.#controller;
    try {
      controller.close();
    } catch {
      // A read into elements of several bytes has got a part of one: by the standard the stream has failed with that,
      // and the read with it. Nothing else is concerned.
      return;
    }
    // Closing leaves a read into a buffer of the caller's hanging until this.
    controller.byobRequest?.respond(0);
  }

  /** Pending and later reads reject. */
  fail(error) {
    if (this.#over) return;
    this.#over = true;
    this.#controller.error(error);
  }

  /** Bytes that were taken for a read that had gone by then. */
  get hasUnread() {
    return !this.#over && this.#controller.desiredSize < 0;
  }

  /** Keeps the stream locked for good: after an upgrade only the new socket reads. */
  seize() {
    this.#waiting = false;
    this.#over = true;
    this.#stream.getReader();
  }
}

module.exports = { Source };
