'use strict';
// The outgoing direction as a web stream.
//
// A chunk is checked and copied into the native queue inside `write()`, as the reference does, so that later changes of
// the caller's buffer do not show; what goes through the stock machinery is a token for those bytes. Where the native
// queue accepts a write at once and nothing waits before it, the stock machinery is left out altogether: a promise per
// stage of it costs 20 times the write itself.

const { byteLength, toBytes } = require('./bytes.js');
const { writableClosed } = require('./errors.js');

/** Bytes that are in the native queue already; `position` is where they end in the stream. */
class StagedWrite {
  constructor(byteLength, position) {
    this.byteLength = byteLength;
    this.position = position;
  }
}

const NOTHING = new StagedWrite(0, 0);
/** What `Connection.write()` returns for a write that is done. */
const ACCEPTED = -1;
const ignore = () => {};
/** From a stream to what it writes to, without a property that anybody could see. */
const sinks = new WeakMap();

class SocketWritable extends WritableStream {
  constructor(sink, highWaterMark) {
    super(sink, { highWaterMark, size: byteLength });
    sinks.set(this, sink);
  }

  getWriter() {
    return new SocketWriter(this);
  }

  close() {
    if (!this.locked) sinks.get(this).closing = true;
    return super.close();
  }

  abort(reason) {
    if (!this.locked) sinks.get(this).giveUp(reason);
    return super.abort(reason);
  }
}

class SocketWriter extends WritableStreamDefaultWriter {
  #sink;

  constructor(stream) {
    super(stream);
    this.#sink = sinks.get(stream);
    this.#sink.writer = this;
  }

  write(chunk) {
    const sink = this.#sink;
    // A writer that was released has nothing to do with the stream any more; stock code says so.
    if (sink.writer !== this) return super.write(NOTHING);
    let bytes;
    try {
      bytes = toBytes(chunk);
    } catch (error) {
      // A mistake of the caller's, not of the stream: it goes on working.
      return Promise.reject(error);
    }
    // Here, because stock code of Node 20 fails an assertion of its own.
    if (sink.closing) return Promise.reject(writableClosed());
    if (sink.broken) return super.write(NOTHING);
    const position = sink.waiting === 0 ? sink.connection.write(bytes) : sink.connection.stage(bytes);
    if (position === ACCEPTED) return Promise.resolve();
    sink.waiting++;
    return super.write(new StagedWrite(bytes.byteLength, position)).finally(() => sink.waiting--);
  }

  close() {
    if (this.#sink.writer === this) this.#sink.closing = true;
    return super.close();
  }

  abort(reason) {
    if (this.#sink.writer === this) this.#sink.giveUp(reason);
    return super.abort(reason);
  }

  releaseLock() {
    if (this.#sink.writer === this) this.#sink.writer = null;
    super.releaseLock();
  }
}

/** What the stream writes to: the native queue of the connection. */
class Sink {
  /** The writer that holds the stream, if it is one of ours. */
  writer = null;
  /** Writes that wait in the stock machinery: one that came later must not settle before them. */
  waiting = 0;
  /** Whether `close()` was called, whoever called it. */
  closing = false;
  /** Whether the stream was aborted or failed. */
  broken = false;
  #controller;
  #stream;
  #lifecycle;

  constructor(lifecycle, connection, highWaterMark) {
    this.#lifecycle = lifecycle;
    this.connection = connection;
    this.#stream = new SocketWritable(this, highWaterMark);
  }

  get stream() {
    return this.#stream;
  }

  start(controller) {
    this.#controller = controller;
  }

  write(chunk) {
    const { position } = chunk instanceof StagedWrite ? chunk : this.#stage(chunk);
    return this.connection.accept(position) ? undefined : this.#acceptance(position);
  }

  /** A chunk that came by `pipeTo` or through a stock writer, past the `write()` above. */
  #stage(chunk) {
    const bytes = toBytes(chunk);
    return new StagedWrite(bytes.byteLength, this.connection.stage(bytes));
  }

  async #acceptance(position) {
    const { signal } = this.#controller;
    // An abort settles the writes at once, however long the peer makes them wait.
    const aborted = () => this.connection.discardUnaccepted(signal.reason);
    signal.addEventListener('abort', aborted);
    try {
      await this.connection.accepted(position);
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  close() {
    this.closing = true;
    return this.#lifecycle.endOutput();
  }

  abort(reason) {
    this.giveUp(reason);
    this.#lifecycle.outputAborted();
  }

  /** Drops what waits, within the call of `abort()`: the stock machinery comes round to it only later. */
  giveUp(reason) {
    if (this.broken) return;
    this.broken = true;
    this.connection.discardUnaccepted(reason);
  }

  /** Whether the stream is in the hands of a pipe, or of a stock writer. */
  get isPipedTo() {
    return this.#stream.locked && this.writer === null;
  }

  /** Ends the stream as its owner would, whoever holds it. */
  finish() {
    if (this.closing || this.broken) return;
    // Only an error stops a pipe.
    if (this.isPipedTo) this.fail(writableClosed());
    else (this.writer ?? this.#stream).close().catch(ignore);
  }

  /** Fails the stream and every write that waits. */
  fail(error) {
    if (this.broken) return;
    this.broken = true;
    this.#controller.error(error);
  }

  /** Keeps the stream locked for good: after an upgrade only the new socket writes. */
  seize() {
    new WritableStreamDefaultWriter(this.#stream);
  }
}

module.exports = { Sink };
