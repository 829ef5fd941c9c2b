'use strict';
// One Socket as a Duplex that behaves like a `net.Socket`.

const { isIP } = require('node:net');
const { Duplex } = require('node:stream');
const { setImmediate } = require('node:timers');

const {
  aborted,
  badState,
  closedBeforeOpen,
  endedByPeer,
  injected,
  invalidType,
  streamDestroyed,
  unsupported,
} = require('../errors.js');
const { lifecycleOf } = require('../socket.js');
const { offer } = require('../writable.js');
const { toNodeAddress } = require('./addresses.js');
const { IdleTimer } = require('./idle-timer.js');

/** Of a large chunk so much is handed over at a time: what is taken up counts as activity, and none of it lies here twice. */
const PIECE = 64 * 1024;

class NodeSocket extends Duplex {
  timeout;
  server = null;
  connecting = false;
  #socket;
  #lifecycle;
  #Upgraded;
  #reader;
  #writer;
  #idle = new IdleTimer(() => this.emit('timeout'));
  /** Whether a read is under way; there is one at most. */
  #reading = false;
  /** Whether a read was asked for while the connection was not up. */
  #readsOnConnect = false;
  #bytesRead = 0;
  /** Bytes of the writes that have been told of. */
  #bytesSettled = 0;
  /** What was last wished by `ref()` and `unref()`. */
  #isReferenced = true;
  /** Whether a write or our end waits for the connection. */
  #isSending = false;
  /** The socket that `startTls()` returned. */
  #successor = null;
  #attempted = [];
  /** Whether to end the connection by a reset. */
  #resets = false;

  /** `upgrades` of one that `startTls()` made; `Upgraded` is the class of what it makes. */
  constructor(socket, { allowHalfOpen, upgrades = false, Upgraded = null }) {
    const lifecycle = lifecycleOf(socket);
    super({
      allowHalfOpen,
      readableHighWaterMark: PIECE,
      writableHighWaterMark: lifecycle.settings.highWaterMark,
      // This class emits it itself, with an argument.
      emitClose: false,
    });
    this.#socket = socket;
    this.#lifecycle = lifecycle;
    this.#Upgraded = Upgraded;
    // At the peer's end there may be chunks here that the socket below knows nothing of: they go out before our end does.
    lifecycle.keepOutputOpen();
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    this.on('end', this.#afterEnd);
    this.connecting = lifecycle.state === 'connecting' && !upgrades;
    if (lifecycle.state === 'open') this.read(0);
    else socket.opened.then(this.#opened, this.#openFailed);
    socket.closed.catch(this.#failed);
  }

  // --- coming up ---

  #opened = guarded(() => {
    if (this.destroyed) return;
    const wasConnecting = this.connecting;
    this.connecting = false;
    this.#attempted = [this.#addresses.peerAddress];
    this.#idle.restart();
    if (wasConnecting) {
      const { host } = this.#lifecycle.settings.target;
      if (isIP(host) === 0) this.emit('lookup', null, this.remoteAddress, isIP(this.remoteAddress), host);
      this.emit('connect');
      this.emit('ready');
    }
    if (this.encrypted) this.emit('secureConnect');
    // Like `net.Socket`, so that the peer's end and a failure are noticed by one who only writes. Not where a listener has
    // paused it.
    if (!this.isPaused()) this.read(0);
    if (this.#readsOnConnect) this.#startReading();
  });

  #openFailed = guarded((error) => {
    if (this.destroyed) return;
    this.#attempted = (error?.errors ?? []).map(({ address, port }) => textOf(address, port));
    if (error?.syscall === 'getaddrinfo') {
      this.emit('lookup', error, undefined, undefined, this.#lifecycle.settings.target.host);
    }
    this.destroy(asError(error));
  });

  // --- reading ---

  _read() {
    if (this.connecting) this.#readsOnConnect = true;
    else this.#startReading();
  }

  #startReading() {
    this.#readsOnConnect = false;
    if (this.#reading || this.destroyed) return;
    this.#reading = true;
    this.#reader.read().then(this.#received, this.#failed);
  }

  #received = guarded(({ done, value }) => {
    this.#reading = false;
    if (this.#successor !== null) {
      // It came for the plaintext side, too late to be read there, and must not be lost sight of.
      if (!done) this.#successor.#refuse(injected(this.#lifecycle.connection.reached));
      return;
    }
    if (this.destroyed) return;
    this.#idle.restart();
    if (done) {
      this.push(null);
      // Without this an end that nobody reads would never be told.
      if (this.readableLength === 0) this.read(0);
      return;
    }
    this.#bytesRead += value.byteLength;
    this.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  });

  /** What goes wrong after an upgrade is told by the TLS side. */
  #failed = (error) => {
    if (this.#successor !== null) return;
    if (isGoodbye(error)) this.push(null);
    else this.destroy(asError(error));
  };

  /**
   * What the peer has ended, and we with it, is not written to. A callback is told of that, and nobody else: the TLS of Node on
   * top of this socket still says goodbye then, which must not cost it what it has not read yet.
   */
  #afterEnd() {
    if (this.allowHalfOpen) return;
    this.write = (chunk, encoding, callback) => {
      if (!this.writableEnded) return super.write(chunk, encoding, callback);
      const told = typeof encoding === 'function' ? encoding : callback;
      const error = endedByPeer();
      if (typeof told === 'function') process.nextTick(told, error);
      else this.destroy(error);
      return false;
    };
  }

  // --- writing ---

  _write(chunk, _encoding, callback) {
    this.#send([chunk], callback);
  }

  _writev(entries, callback) {
    this.#send(
      entries.map(({ chunk }) => chunk),
      callback,
    );
  }

  /** Hands chunks over in order; where the connection has room for all of them, within the call. */
  #send(chunks, callback) {
    let index = 0;
    let offset = 0;
    const failed = guarded((error) => {
      this.#setSending(false);
      callback(asError(error));
    });
    const proceed = guarded(() => {
      for (;;) {
        this.#idle.restart();
        if (index === chunks.length) return this.#sent(chunks, callback);
        if (this.destroyed) return failed(streamDestroyed());
        const chunk = chunks[index];
        const piece = chunk.subarray(offset, offset + PIECE);
        offset += piece.byteLength;
        if (offset >= chunk.byteLength) {
          index++;
          offset = 0;
        }
        const accepted = offer(this.#writer, piece);
        if (accepted !== null) {
          this.#setSending(true);
          return accepted.then(proceed, failed);
        }
      }
    });
    proceed();
  }

  #sent(chunks, callback) {
    for (const { byteLength } of chunks) this.#bytesSettled += byteLength;
    this.#setSending(false);
    callback();
  }

  _final(callback) {
    this.#setSending(true);
    const told = guarded((error) => {
      this.#setSending(false);
      callback(error);
    });
    // What was closed from below, or is about to be, cannot be closed once more.
    (this.#lifecycle.outputEnd ?? this.#writer.close()).then(
      () => told(),
      (error) => told(isGoodbye(error) ? null : asError(error)),
    );
  }

  // --- ending ---

  _destroy(error, callback) {
    this.connecting = false;
    this.#idle.clear();
    const { wasOpened, settings } = this.#lifecycle;
    const reason = error ?? (wasOpened ? streamDestroyed() : closedBeforeOpen(settings.target));
    // Neither does anything to a connection that an upgrade has taken over.
    if (this.#resets) this.#lifecycle.reset(reason);
    else this.#lifecycle.letGo(reason);
    callback(error);
    // In a later phase of the event loop, as closing a handle of Node's: what stands on top of this socket, such as the TLS of
    // Node, tells its own error first.
    setImmediate(() => this.emit('close', Boolean(error)));
  }

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  resetAndDestroy() {
    if (this.destroyed) return this;
    if (this.connecting) {
      this.once('connect', () => this.resetAndDestroy());
      return this;
    }
    this.#resets = true;
    return this.destroy();
  }

  // --- TLS ---

  startTls(options) {
    this.#lifecycle.checkUpgrade();
    const unread = this.readableLength > 0;
    const unsent = this.writableLength > 0;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    let upgraded;
    try {
      upgraded = this.#socket.startTls(options);
    } catch (error) {
      // With unusable settings the connection is given up.
      this.destroy();
      throw error;
    }
    const successor = new this.#Upgraded(upgraded, { allowHalfOpen: this.allowHalfOpen, upgrades: true });
    successor.#isReferenced = this.#isReferenced;
    this.#successor = successor;
    if (this.#lifecycle.state !== 'upgrading') {
      // The new socket tells why it came to nothing; nobody else is left to close the connection.
      this.destroy();
      return successor;
    }
    if (unread) successor.#refuse(injected(this.#lifecycle.connection.reached));
    else if (unsent) successor.#refuse(badState('startTls() was called while writes were waiting'));
    // The plaintext side is over when its last byte is sent.
    const end = () => this.destroy();
    this.#socket.closed.then(end, end);
    return successor;
  }

  /** Gives the connection up before a byte of TLS was taken for good. */
  #refuse(error) {
    this.#socket.close(error);
  }

  // --- settings ---

  setTimeout(milliseconds, callback) {
    if (this.destroyed) return this;
    if (callback !== undefined && typeof callback !== 'function') throw invalidType('callback', 'a function', callback);
    this.#idle.set(milliseconds);
    this.timeout = milliseconds;
    if (callback === undefined) return this;
    if (milliseconds === 0) this.removeListener('timeout', callback);
    else this.once('timeout', callback);
    return this;
  }

  setNoDelay(on = true) {
    this.#lifecycle.connection?.setNoDelay(Boolean(on));
    return this;
  }

  setKeepAlive(enable = false, initialDelay = 0, interval = 0, count = 0) {
    if (enable !== null && typeof enable === 'object') {
      return this.setKeepAlive(enable.enable, enable.initialDelay, enable.interval, enable.count);
    }
    this.#lifecycle.connection?.setKeepAlive(Boolean(enable), {
      idle: seconds(initialDelay),
      interval: seconds(interval),
      count: Math.max(Math.trunc(count) || 0, 0),
    });
    return this;
  }

  ref() {
    this.#isReferenced = true;
    this.#socket.ref();
    return this;
  }

  unref() {
    this.#isReferenced = false;
    if (!this.#isSending) this.#socket.unref();
    return this;
  }

  /** The process waits for what is being sent, as it does for a write of Node's, and only then heeds `unref()`. */
  #setSending(isSending) {
    if (isSending === this.#isSending) return;
    this.#isSending = isSending;
    if (this.#isReferenced) return;
    if (isSending) this.#socket.ref();
    else this.#socket.unref();
  }

  connect() {
    throw unsupported('connect()', 'a socket of connect() is connected once and for all');
  }

  getTypeOfService() {
    throw unsupported('getTypeOfService()', 'the connection has no such setting');
  }

  setTypeOfService() {
    throw unsupported('setTypeOfService()', 'the connection has no such setting');
  }

  // --- what there is to know ---

  /** The TLS side of this connection, for a subclass: `{ info, isVerified, serverName }`, null while the handshake is not done. */
  _session() {
    const { connection, wasOpened } = this.#lifecycle;
    return wasOpened ? { info: connection.info(true), ...connection.tls } : null;
  }

  get #addresses() {
    return this.#lifecycle.connection?.addresses ?? { localAddress: null, peerAddress: null };
  }

  get pending() {
    return this.connecting || this.#addresses.peerAddress === null;
  }

  get readyState() {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesRead() {
    return this.#bytesRead;
  }

  get bytesWritten() {
    return this.#bytesSettled + this.writableLength;
  }

  get bufferSize() {
    return this.writableLength;
  }

  get autoSelectFamilyAttemptedAddresses() {
    return this.#attempted;
  }

  address() {
    return toNodeAddress(this.#addresses.localAddress);
  }

  get localAddress() {
    return this.address().address;
  }

  get localFamily() {
    return this.address().family;
  }

  get localPort() {
    return this.address().port;
  }

  get remoteAddress() {
    return toNodeAddress(this.#addresses.peerAddress).address;
  }

  get remoteFamily() {
    return toNodeAddress(this.#addresses.peerAddress).family;
  }

  get remotePort() {
    return toNodeAddress(this.#addresses.peerAddress).port;
  }
}

/** What a listener throws is nobody's rejection: it leaves the process as it does from a `net.Socket`. */
function guarded(callback) {
  return (argument) => {
    try {
      callback(argument);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  };
}

/**
 * Whether all that failed is to end a connection that the peer had left, with everything before it sent. A `net.Socket` makes
 * nothing of it.
 */
function isGoodbye(error) {
  return error?.syscall === 'shutdown' && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}

/** A falsy reason of an abort would be no failure to a stream. */
function asError(reason) {
  return reason || aborted(reason);
}

function textOf(address, port) {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whole seconds of milliseconds, as the system counts them; 0 for what is none. */
function seconds(milliseconds) {
  return Math.min(Math.max(Math.trunc(milliseconds / 1000) || 0, 0), 2 ** 31 - 1);
}

module.exports = { NodeSocket };
