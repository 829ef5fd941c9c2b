'use strict';
// The outgoing direction as a web stream.
//
// A write goes past the stock machinery of WritableStream, which takes several promises and some 20 times the time of
// the write itself: `SocketWriter.write()` checks the chunk, copies it into the native queue and settles when that
// accepts it. The stock machinery keeps what it is good at: locks, states, closing, aborting, errors. Chunks that come
// through it, by `pipeTo` or a stock writer, do the same in `Sink.write()`.

const { byteLength, toBytes } = require('./bytes.js');
const { HandledDeferred } = require('./deferred.js');
const { writableClosed } = require('./errors.js');

const ignore = () => {};
class SocketWritable extends WritableStream {
  #sink;

  constructor(sink, highWaterMark) {
    // By the standard `ready` of a stream with a mark of 0 never settles; it is the sink that knows when there is room.
    super(sink, { highWaterMark: Math.max(highWaterMark, 1), size: byteLength });
    this.#sink = sink;
  }

  getWriter() {
    return new SocketWriter(this, this.#sink);
  }

  close() {
    if (!this.locked) this.#sink.requestClose();
    return super.close();
  }

  abort(reason) {
    if (!this.locked) this.#sink.giveUp(reason);
    return super.abort(reason);
  }
}

/** What `writer.write(bytes)` does, told at once where the bytes are accepted at once: null then, else its promise. */
let offer;

class SocketWriter extends WritableStreamDefaultWriter {
  #sink;

  static {
    offer = (writer, bytes) => writer.#offer(bytes);
  }

  constructor(stream, sink) {
    super(stream);
    this.#sink = sink;
    sink.writer = this;
  }

  get #holdsLock() {
    return this.#sink.writer === this;
  }

  get desiredSize() {
    // Null of a stream that failed, 0 of a closed one.
    return super.desiredSize && this.#sink.desiredSize;
  }

  get ready() {
    return (this.#holdsLock && this.#sink.room) || super.ready;
  }

  write(chunk) {
    const sink = this.#sink;
    // Stock code knows what to reject with.
    if (!this.#holdsLock || sink.broken) return super.write();
    // But not here: that of Node 20 fails an assertion of its own.
    if (sink.closing) return Promise.reject(writableClosed());
    let bytes;
    try {
      bytes = toBytes(chunk);
    } catch (error) {
      // A mistake of the caller's, not of the stream: it goes on working.
      return Promise.reject(error);
    }
    return sink.send(bytes);
  }

  #offer(bytes) {
    const sink = this.#sink;
    return !this.#holdsLock || sink.broken || sink.closing ? this.write(bytes) : sink.offer(bytes);
  }

  close() {
    if (this.#holdsLock) this.#sink.requestClose();
    return super.close();
  }

  abort(reason) {
    if (this.#holdsLock) this.#sink.giveUp(reason);
    return super.abort(reason);
  }

  releaseLock() {
    if (this.#holdsLock) this.#sink.writer = null;
    super.releaseLock();
  }
}

/** What the stream writes to: the native queue of the connection. */
class Sink {
  /** The writer that holds the stream, if it is one of ours. */
  writer = null;
  /** Whether `close()` was called, whoever called it. */
  closing = false;
  /** Whether the stream was aborted or failed. */
  broken = false;
  /** Bytes of writes that are not accepted yet. */
  #queued = 0;
  #highWaterMark;
  /** Settles when back-pressure ends; while there is any and somebody has asked. */
  #pressure = null;
  #controller;
  #stream;
  #lifecycle;
  #connection;

  constructor(lifecycle, connection, highWaterMark) {
    this.#lifecycle = lifecycle;
    this.#connection = connection;
    this.#highWaterMark = highWaterMark;
    this.#stream = new SocketWritable(this, highWaterMark);
  }

  get stream() {
    return this.#stream;
  }

  /** Whether the stream is in the hands of a pipe, or of a stock writer. */
  get isPipedTo() {
    return this.#stream.locked && this.writer === null;
  }

  // --- past the stock machinery ---

  /** Sends bytes; the promise settles when the native queue accepts them. */
  send(bytes) {
    return this.offer(bytes) ?? Promise.resolve();
  }

  /** The same, but null for bytes that were accepted at once. */
  offer(bytes) {
    const position = this.#connection.write(bytes);
    return position === null ? null : this.#sendLater(bytes.byteLength, position);
  }

  #sendLater(size, position) {
    this.#queued += size;
    // That very promise: one more around it would settle later, and a write that comes after it would overtake it.
    return this.#connection.accepted(position, () => {
      this.#queued -= size;
      if (this.#hasRoom) this.#endPressure();
    });
  }

  get desiredSize() {
    return this.#highWaterMark - this.#queued;
  }

  get #hasRoom() {
    return this.#queued === 0 || this.#queued < this.#highWaterMark;
  }

  /** A promise for room, or null if there is some. */
  get room() {
    if (this.#hasRoom || this.closing || this.broken) return null;
    this.#pressure ??= new HandledDeferred();
    return this.#pressure.promise;
  }

  #endPressure() {
    this.#pressure?.resolve();
    this.#pressure = null;
  }

  /** The stream is about to be closed: from now on nothing can be written to it. */
  requestClose() {
    this.closing = true;
    this.#endPressure();
  }

  /** Drops what waits, within the call of `abort()`: the stock machinery comes round to it only later. */
  giveUp(reason) {
    if (this.broken) return;
    this.broken = true;
    this.#connection.discardUnaccepted(reason);
    this.#pressure?.reject(reason);
  }

  // --- called by the stock machinery ---

  start(controller) {
    this.#controller = controller;
  }

  write(chunk) {
    const position = this.#connection.write(toBytes(chunk));
    if (position === null) return undefined;
    const { signal } = this.#controller;
    // An abort settles the write at once, however long the peer makes it wait.
    const aborted = () => this.#connection.discardUnaccepted(signal.reason);
    signal.addEventListener('abort', aborted);
    return this.#connection.accepted(position, () => signal.removeEventListener('abort', aborted));
  }

  close() {
    this.requestClose();
    return this.#lifecycle.endOutput();
  }

  abort(reason) {
    this.giveUp(reason);
    this.#lifecycle.outputAborted();
  }

  // --- called by the lifecycle ---

  /** Ends the stream as its owner would, whoever holds it. */
  finish() {
    if (this.closing || this.broken) return;
    // Only an error stops a pipe.
    if (this.isPipedTo) this.fail(writableClosed());
    else (this.writer ?? this.#stream).close().catch(ignore);
  }

  /** Fails the stream; the connection has rejected the writes that wait. */
  fail(error) {
    if (this.broken) return;
    this.broken = true;
    this.#controller.error(error);
    this.#pressure?.reject(error);
  }

  /** Keeps the stream locked for good: after an upgrade only the new socket writes. */
  seize() {
    new WritableStreamDefaultWriter(this.#stream);
  }
}

module.exports = { Sink, offer };
