'use strict';
// The incoming direction as a byte stream.
//
// As with writes, a read goes past the stock machinery, which takes some 15 times the time of the read itself:
// `SocketReader.read()` takes bytes from the connection, or waits until that tells of some. What the stock machinery is
// good at stays with it: locks, states, cancelling, errors, readers with a buffer of their own, `pipeTo()`, `tee()`,
// iteration. All of those get their bytes through `Source.pull()`.

const { setImmediate } = require('node:timers');

const { releasedReader } = require('./errors.js');
const { ReadResult } = require('./native.js');

/** The largest chunk that a read without a buffer of its own gets. */
const CHUNK = 256 * 1024;

/** Up to so many bytes are received into `scratch` and copied: a large chunk of its own for each read would cost more. */
const SMALL = 4 * 1024;
const scratch = new Uint8Array(SMALL);

/**
 * So many reads in a row, over all connections, may find something without waiting; then the event loop has its turn. A
 * peer that sends as fast as it is read would keep timers and everybody else from theirs for as long as it likes.
 */
const AT_A_STRETCH = 16;
let stretch = AT_A_STRETCH;

function countFound() {
  if (--stretch === 0) {
    setImmediate(() => {
      stretch = AT_A_STRETCH;
    });
  }
}

class SocketReadable extends ReadableStream {
  #source;

  constructor(source) {
    // Nothing is read before somebody asks: an unread peer must feel the back-pressure.
    super(source, { highWaterMark: 0 });
    this.#source = source;
  }

  getReader(options) {
    // The stock code knows what else there is, and what is wrong with it.
    return options?.mode === undefined && typeof (options ?? {}) === 'object'
      ? new SocketReader(this, this.#source)
      : super.getReader(options);
  }
}

class SocketReader extends ReadableStreamDefaultReader {
  #source;

  constructor(stream, source) {
    super(stream);
    this.#source = source;
    source.reader = this;
  }

  read() {
    const source = this.#source;
    return source.reader === this && source.isPassable ? source.read() : super.read();
  }

  releaseLock() {
    const source = this.#source;
    if (source.reader === this) {
      source.reader = null;
      source.giveUpReads();
    }
    super.releaseLock();
  }
}

/** What the stream reads from: the bytes that the connection has received. */
class Source {
  type = 'bytes';
  /** The reader that holds the stream, if it is one of ours. */
  reader = null;
  #controller;
  #lifecycle;
  #connection;
  #stream;
  #over = false;
  /** Whether the stock machinery asked, found nothing and waits for the connection to tell of more. */
  #waiting = false;
  /** Reads past the stock machinery that wait, in order: `{ resolve, reject }`. */
  #reads = [];
  /** Whether the stock machinery was given bytes, of which it may have some left. */
  #stocked = false;
  /** Whether much came at a time the last time. */
  #large = false;

  constructor(lifecycle, connection) {
    this.#lifecycle = lifecycle;
    this.#connection = connection;
    this.#stream = new SocketReadable(this);
  }

  get stream() {
    return this.#stream;
  }

  start(controller) {
    this.#controller = controller;
  }

  // --- past the stock machinery ---

  /**
   * Whether a read may go past the stock machinery: not while that has bytes or reads, and not before it has seen a first
   * one, by which it knows that the stream is in use.
   */
  get isPassable() {
    if (!this.#stocked || this.#over || this.#waiting) return false;
    return this.#controller.desiredSize === 0;
  }

  read() {
    if (this.#reads.length === 0 && this.#hasTurn()) {
      const chunk = this.#take(CHUNK);
      if (typeof chunk !== 'number') {
        countFound();
        return Promise.resolve({ value: chunk, done: false });
      }
      if (chunk !== ReadResult.Pending) {
        const last = this.#wait();
        this.#finish(chunk);
        return last;
      }
    }
    return this.#wait();
  }

  #wait() {
    return new Promise((resolve, reject) => {
      this.#reads.push({ resolve, reject });
    });
  }

  #answerReads() {
    while (this.#reads.length > 0) {
      const chunk = this.#take(CHUNK);
      if (typeof chunk === 'number') return this.#finish(chunk);
      this.#reads.shift().resolve({ value: chunk, done: false });
    }
  }

  /** Its reader lets go of the stream. */
  giveUpReads() {
    if (this.#reads.length > 0) this.#rejectReads(releasedReader());
  }

  #endReads() {
    for (const { resolve } of this.#reads.splice(0)) resolve({ value: undefined, done: true });
  }

  #rejectReads(error) {
    for (const { reject } of this.#reads.splice(0)) reject(error);
  }

  // --- called by the stock machinery ---

  pull() {
    if (this.#waiting) return;
    if (!this.#hasTurn()) this.#waiting = true;
    else if (this.#deliver()) countFound();
  }

  cancel() {
    this.#over = true;
    this.#endReads();
    this.#lifecycle.inputCancelled();
  }

  // --- called by the lifecycle ---

  /** The connection has something for the read that waits. */
  tell() {
    if (this.#over) return;
    if (this.#reads.length > 0) return this.#answerReads();
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.#stream.locked) {
      this.#deliver();
      return;
    }
    // Without a reader there is no read: the bytes stay where they are until somebody asks again. The stock machinery may
    // hold a part of what the read had asked for, which comes before them.
    this.#stocked = false;
  }

  /** Whether there was something to deliver. */
  #deliver() {
    if (this.#over) return false;
    // `enqueue()` for a reader with a buffer of its own too: `byobRequest` may be left over from one that has gone, and an
    // answer to it would wait for a reader of its kind. No more than fits its buffer: the rest stays where it is.
    const chunk = this.#take(Math.min(this.#controller.byobRequest?.view.byteLength ?? CHUNK, CHUNK));
    if (typeof chunk !== 'number') {
      this.#stocked = true;
      this.#controller.enqueue(chunk);
      return true;
    }
    if (chunk === ReadResult.Pending) this.#waiting = true;
    else this.#finish(chunk);
    return false;
  }

  /** Whether a read may be tried now. If not, the one that waits is told when it may. */
  #hasTurn() {
    if (stretch > 0) return true;
    setImmediate(() => this.tell());
    return false;
  }

  /** Takes bytes, `limit` at most; returns them, or a `ReadResult`. */
  #take(limit) {
    const available = this.#large ? Math.min(this.#connection.readable, limit) : 0;
    // Memory of its own, exactly as large: a byte stream hands the whole buffer on. Not zeroed, since all of it is
    // overwritten.
    const target = available > SMALL ? new Uint8Array(Buffer.allocUnsafeSlow(available).buffer) : scratch;
    const count = this.#connection.read(target, limit);
    this.#large = count >= SMALL;
    if (count <= 0) return count;
    return target !== scratch && count === available ? target : target.slice(0, count);
  }

  /** A read has come to the end, or to the failure. */
  #finish(result) {
    if (result === ReadResult.End) {
      this.end();
      this.#lifecycle.inputEnded();
    } else if (result === ReadResult.Failed) {
      this.#lifecycle.readFailed();
    }
  }

  /** No more bytes come: pending and later reads say done. */
  end() {
    if (this.#over) return;
    this.#over = true;
    this.#endReads();
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
    this.#rejectReads(error);
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
