'use strict';
// The state machine of one Socket. Every promise of a Socket is settled here and nowhere else.
//
//   connecting --> open --> closing --> closed      closing: a graceful close() is under way
//        |          |
//        +----------+--> upgrading --> upgraded     startTls(): the connection goes on as another Socket
//
//   any but closed and upgraded --> failed
//
// Within `open` each direction ends by itself: the input by the peer's end or by cancel(), the output by our end or by
// abort(). With both over the socket is closed.

const { setImmediate } = require('node:timers');

const { HandledDeferred } = require('./deferred.js');
const diagnostics = require('./diagnostics.js');
const { badState, closedBeforeOpen, injected } = require('./errors.js');
const { Sink } = require('./writable.js');
const { Source } = require('./readable.js');

const ignore = () => {};

/** What a close() that gives up a connection fails it with. */
const GIVING_UP = new Set(['ERR_SOCKET_CLOSED_BEFORE_OPEN', 'ERR_SOCKET_CLOSE_TIMEOUT']);

class Lifecycle {
  /** The Socket whose life this is. */
  socket = null;
  state = 'connecting';
  /** `open`, `ended` by the peer or `cancelled` by the reader. */
  #input = 'open';
  /** `open`, `ending`, `ended` by us or `aborted` by the writer. */
  #output = 'open';
  #opened = new HandledDeferred();
  #closed = new HandledDeferred();
  /** Settles with the end of the output. */
  #finished = new HandledDeferred();
  /** `{ reason, lost }` of a socket that failed: the reason of all that rejects, and whether bytes may be lost. */
  #failure = null;
  /** Whether the connection ever was up. */
  #wasOpened = false;
  #connection = null;
  #settings;
  #source = null;
  #sink = null;
  #onOver = ignore;

  /** `settings` are `{ target, secureTransport, allowHalfOpen, highWaterMark, closeTimeout }`. */
  constructor(settings) {
    this.#settings = settings;
  }

  get opened() {
    return this.#opened.promise;
  }

  get closed() {
    return this.#closed.promise;
  }

  get settings() {
    return this.#settings;
  }

  get connection() {
    return this.#connection;
  }

  /** Whether the connection ever was up. */
  get wasOpened() {
    return this.#wasOpened;
  }

  /** `onOver` is called once nothing can change any more. */
  attach(connection, onOver = ignore) {
    this.#connection = connection;
    this.#onOver = onOver;
  }

  // --- the streams, built when they are first asked for ---

  get readable() {
    if (!this.#source) {
      this.#source = new Source(this, this.#connection);
      if (this.#failure) this.#failSource();
      else if (this.#input !== 'open') this.#source.end();
      if (this.#isHandedOver) this.#source.seize();
    }
    return this.#source.stream;
  }

  get writable() {
    if (!this.#sink) {
      this.#sink = new Sink(this, this.#connection, this.#settings.highWaterMark);
      if (this.#failure) this.#sink.fail(this.#failure.reason);
      else if (this.#output !== 'open') this.#sink.finish();
      if (this.#isHandedOver) this.#sink.seize();
    }
    return this.#sink.stream;
  }

  // --- what the user does ---

  /** Sends what is queued, ends the stream and releases the connection. */
  close() {
    if (this.state === 'connecting' || this.state === 'open') this.#closeGracefully();
    if (this.#isHandedOver) return Promise.resolve();
    const outcome = this.#finished.promise.then(ignore, (reason) => {
      if (this.#failure.lost) throw reason;
    });
    outcome.catch(ignore);
    return outcome;
  }

  #closeGracefully() {
    this.state = 'closing';
    if (this.#input === 'open') this.#input = 'cancelled';
    this.#source?.end();
    if (this.#output === 'aborted') return this.#settleIfOver();
    if (this.#output === 'open') this.#output = 'ending';
    this.#sink?.finish();
    this.#connection.close(this.#settings.closeTimeout);
    this.#settleIfOver();
  }

  /** Gives everything up at once; whatever is pending rejects with `reason`. */
  abort(reason) {
    if (!this.#isLive) return;
    this.#connection.drop(this, reason);
    this.#fail(reason, { closedRejects: true, lost: false });
    this.#failSource();
  }

  /** Like `abort()`, but that the peer is told by a reset. */
  reset(reason) {
    if (!this.#isLive) return;
    this.#connection.reset();
    this.abort(reason);
  }

  /**
   * Lets go of the connection as `destroy()` of a `net.Socket` does: what was accepted of the writes is still sent, those that
   * wait reject with `reason`. A connection that is not up is given up.
   */
  letGo(reason) {
    if (!this.#isLive) return;
    if (!this.#wasOpened) return this.abort(reason);
    this.#connection.discardUnaccepted(reason);
    this.close();
  }

  /** Null while nobody has asked for the end of the output; settles with that end. */
  get outputEnd() {
    if (this.state === 'closing' || this.state === 'closed') return this.close();
    return this.#isOutputEnding ? this.#finished.promise : null;
  }

  get #isOutputEnding() {
    return this.#output === 'ending' || this.#output === 'ended' || this.#sink?.closing;
  }

  /** From now on the peer's end leaves the output alone: whoever asks for this sees to it. */
  keepOutputOpen() {
    this.#settings = { ...this.#settings, allowHalfOpen: true };
  }

  /** Throws where `startTls()` is a misuse. */
  checkUpgrade() {
    const { secureTransport } = this.#settings;
    if (secureTransport === 'on') throw badState('startTls() cannot be called on a TLS socket');
    if (secureTransport !== 'starttls') throw badState('startTls() needs secureTransport "starttls" in connect()');
    if (this.#isHandedOver) throw badState('startTls() was called before');
    if (this.state === 'closed') throw badState('startTls() was called on a closed socket');
  }

  /** Hands the connection over to `next`. Misuse throws; what only the connection's state forbids fails `next`. */
  upgrade(next, prepareTls) {
    this.checkUpgrade();
    if (this.state === 'closing') return next.failBeforeOpen(badState('startTls() was called on a closing socket'));
    if (this.state === 'failed') return next.failBeforeOpen(this.#failure.reason);
    if (this.#isOutputEnding) {
      return next.failBeforeOpen(badState('startTls() was called after the writable was closed'));
    }
    const tls = this.#prepare(prepareTls);
    // Reading the options runs code of the caller's, which may have closed the socket or upgraded it itself.
    if (this.state !== 'connecting' && this.state !== 'open') {
      return next.failBeforeOpen(badState('the socket was closed or upgraded while its TLS options were read'));
    }
    if (this.#source?.stream.locked || this.#sink?.stream.locked) {
      return next.failBeforeOpen(badState('startTls() was called while a reader or writer held its lock'));
    }
    const hasUnread = this.#source?.hasUnread;
    this.state = 'upgrading';
    this.#source?.seize();
    this.#sink?.seize();
    next.attach(this.#connection, this.#onOver);
    if (!hasUnread) return this.#connection.upgrade(next, tls);
    const error = injected(this.#connection.reached);
    this.#connection.drop(next, error);
    next.failBeforeOpen(error);
  }

  /** Settings that cannot be used leave a connection that can do nothing any more, and must not keep the process alive. */
  #prepare(prepareTls) {
    try {
      return prepareTls();
    } catch (error) {
      this.abort(error);
      throw error;
    }
  }

  // --- what the streams tell ---

  inputCancelled() {
    this.#input = 'cancelled';
    this.#connection.stopReading();
    this.#settleIfOver();
  }

  /** The reader has seen the peer's end. */
  inputEnded() {
    this.#input = 'ended';
    // A pipe into this socket ends it itself, when all that it carries is written.
    if (!this.#settings.allowHalfOpen && !this.#sink?.isPipedTo) {
      this.#sink?.finish();
      this.endOutput();
    }
    this.#settleIfOver();
  }

  /** A read has met the failure of the connection. */
  readFailed() {
    this.#connection.meetFailure();
    this.#source.fail(this.#failure.reason);
  }

  /** Sends our end of the stream; the promise settles when it is sent. */
  endOutput() {
    if (this.#output === 'open') {
      this.#output = 'ending';
      this.#connection.end();
    }
    return this.#finished.promise;
  }

  outputAborted() {
    if (this.#output === 'ended') return;
    this.#output = 'aborted';
    this.#settleIfOver();
  }

  // --- what the connection tells ---

  connectionOpened() {
    if (this.state === 'failed' || this.state === 'closed') return;
    if (this.state === 'connecting') this.state = 'open';
    this.#wasOpened = true;
    const info = this.#connection.info(this.#settings.secureTransport === 'on');
    this.#opened.resolve(info);
    if (diagnostics.open.hasSubscribers) diagnostics.open.publish({ socket: this.socket, info });
  }

  /** The last byte before the upgrade is sent: the rest belongs to the socket that `startTls()` returned. */
  plaintextFlushed() {
    this.state = 'upgraded';
    this.#resolveClosed();
    this.#finished.resolve();
  }

  outputFinished() {
    this.#output = 'ended';
    this.#settleIfOver();
    this.#finished.resolve();
  }

  inputAvailable() {
    this.#source?.tell();
  }

  connectionFailed(reason, lost) {
    if (this.state === 'upgraded' || this.state === 'closed' || this.state === 'failed') return;
    // Giving up is what close() asked for. After that, only what failed before it ever worked is news to `closed`.
    const gaveUp = this.state === 'closing' && GIVING_UP.has(reason.code);
    this.#fail(reason, { closedRejects: !this.#wasOpened && !gaveUp, lost });
    this.#failSource();
  }

  /** A socket that `startTls()` could not bring about. */
  failBeforeOpen(reason) {
    this.#fail(reason, { closedRejects: true, lost: false });
    this.#failSource();
  }

  // --- settling ---

  /** What came before the failure is still read; the read that finds no more meets the failure. */
  #failSource() {
    if (!this.#connection?.readable) this.#source?.fail(this.#failure.reason);
  }

  #fail(reason, { closedRejects, lost }) {
    this.state = 'failed';
    this.#failure = { reason, lost };
    this.#opened.reject(reason);
    if (diagnostics.error.hasSubscribers) diagnostics.error.publish({ socket: this.socket, error: reason });
    if (closedRejects) this.#closed.reject(reason);
    // Drivers that hear of it before the reads and writes that reject take it for a clean end, and the failure for another
    // one. They listen through chains of microtasks of any length, so it waits for the next turn.
    else setImmediate(() => this.#resolveClosed());
    this.#finished.reject(reason);
    this.#sink?.fail(reason);
    this.#onOver();
  }

  /** Over are an input that ended or is not wanted, and an output that ended or was given up. */
  #settleIfOver() {
    if (!this.#isLive || this.#input === 'open') return;
    if (this.#output !== 'ended' && this.#output !== 'aborted') return;
    if (this.#output === 'aborted') this.#connection.drop(this, badState('the socket is closed'));
    this.state = 'closed';
    if (!this.#wasOpened) this.#opened.reject(closedBeforeOpen(this.#settings.target));
    this.#resolveClosed();
    this.#finished.resolve();
    this.#onOver();
  }

  #resolveClosed() {
    this.#closed.resolve();
    if (diagnostics.close.hasSubscribers) diagnostics.close.publish({ socket: this.socket });
  }

  get #isHandedOver() {
    return this.state === 'upgrading' || this.state === 'upgraded';
  }

  /** Whether something can still happen to this socket. */
  get #isLive() {
    return this.state === 'connecting' || this.state === 'open' || this.state === 'closing';
  }
}

module.exports = { Lifecycle };
