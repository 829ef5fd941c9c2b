'use strict';
// The JavaScript side of one native connection: turns its events into calls of the socket's state machine. After
// `startTls()` two sockets share a connection: the first one until its last plaintext byte is sent, the second from then on.

const { isIP } = require('node:net');
const { setImmediate } = require('node:timers');

const doorbell = require('./doorbell.js');
const { calls, flushSoon } = doorbell;
const { withResolvers } = require('./deferred.js');
const { fromNative, identityRefused, lookupFailed } = require('./errors.js');
const { invalidAddress, lookUp } = require('./lookup.js');
const { EventFlag, LookupBy, ReadResult, WriteResult } = require('./native.js');

/** Then-callbacks cost less than queueMicrotask(). */
const now = Promise.resolve();

/** The events that may let a waiting write go. */
const WRITES = EventFlag.Opened | EventFlag.Writable;

function identityOf(settings) {
  const check = settings?.checkServerIdentity ?? null;
  return check && settings.rejectUnauthorized ? { name: settings.serverName, check } : null;
}

function peerOf({ rejectUnauthorized, serverName, sni }) {
  return { isVerified: rejectUnauthorized, serverName: sni ? serverName : null };
}

class Connection {
  /** Whether it keeps the process alive; written by the doorbell. */
  referenced = false;
  /** Whether its descriptor is gone; written by the doorbell. */
  released = false;
  /** With TLS: whether the peer is verified, and the name that is sent to it, null for none. */
  tls = null;
  #native;
  #id;
  #target;
  #first;
  #current;
  /** `{ name, check }` where the application checks the server's identity itself. */
  #identity;
  /** Writes that wait for room, in order: `{ position, settled, resolve, reject }`. */
  #writes = [];
  /** Where the plaintext ends; the writes up to there are those of the first socket. */
  #upgradeAt = -1;
  /** Whether the socket in charge was told that it is open: no write or read of its settles before. */
  #isOpen = false;
  /** Whether a read waits for that. */
  #readsEarly = false;
  /** `{ reason }` once the connection failed or was dropped. */
  #end = null;

  /**
   * `target` is `{ host, port, text, lookup, ownLookup }`; `tls` is `{ context, settings }` for TLS from the first byte, `terms` are
   * the host's.
   */
  constructor(target, { lifecycle, tls, terms }) {
    this.#target = target;
    this.#first = lifecycle;
    this.#current = lifecycle;
    const { host, port } = target;
    // An address needs no lookup, as in `net.connect`.
    const lookup = isIP(host) ? null : target.lookup;
    this.#identity = identityOf(tls?.settings);
    this.tls = tls && peerOf(tls.settings);
    this.#native = doorbell.open(
      this,
      host,
      port,
      lookup === null ? LookupBy.System : target.ownLookup ? LookupBy.Application : LookupBy.Host,
      tls?.context,
      tls?.settings.serverName,
      this.#identity !== null,
      terms,
    );
    this.#id = this.#native.id;
    // After the code that called `connect()` has run: what it does at once, such as to write, close or abort, then takes
    // effect before the first packet, however fast the network is.
    now.then(() => this.#native.start());
    if (lookup !== null && !terms?.deniesName(host, port)) this.#lookUp(lookup);
  }

  #lookUp(lookup) {
    lookUp(lookup, this.#target.host, (error, addresses) => {
      if (error) return this.#failHere(lookupFailed(error, this.#target));
      if (this.#native.resolved(addresses, this.#target.port)) return;
      // Well-formed, but of an interface that does not exist.
      this.#failHere(lookupFailed(invalidAddress(addresses), this.#target));
    });
  }

  /** The target, with the address that was reached once one was: what errors name. */
  get reached() {
    return { ...this.#target, host: this.#native.peerIp() ?? this.#target.host };
  }

  /** What `opened` tells; `secure` is false for the plaintext phase of a connection that is upgraded. */
  info(secure) {
    const { localAddress, peerAddress, tlsVersion, cipher, alpn, peerCertificate } = this.#native.info();
    return {
      remoteAddress: this.#target.text,
      localAddress,
      alpn: (secure && alpn) || null,
      peerAddress,
      tlsVersion: secure ? tlsVersion : null,
      cipher: secure ? cipher : null,
      peerCertificate: secure ? peerCertificate : null,
    };
  }

  /** Both ends, numeric `ip:port`, once TCP is up; null before. */
  get addresses() {
    const info = this.#native.info();
    return info && { localAddress: info.localAddress, peerAddress: info.peerAddress };
  }

  // --- writing ---

  /** Copies bytes into the queue; returns null if the write is done, else the position for `accepted()`. */
  write(bytes) {
    // Writes settle in their order, and none before its socket was told that it is open.
    if (!this.#isOpen || this.#writes.length > 0) return this.#native.stage(bytes);
    const position = calls.write(this.#id, bytes);
    flushSoon();
    // A failure that was met quietly is told to the first who writes.
    if (position === WriteResult.Failed) this.#fail();
    return position === WriteResult.Accepted ? null : position;
  }

  /** Settles with the write that ends at `position`; `settled` is called just before. */
  accepted(position, settled) {
    const write = { position, settled, ...withResolvers() };
    this.#writes.push(write);
    if (this.#end) this.#rejectWrites(this.#end.reason);
    return write.promise;
  }

  /** Drops every write that was not accepted, but for those that an upgrade has to wait for. */
  discardUnaccepted(reason) {
    this.#native.discardUnaccepted();
    const kept = this.#writes.filter(({ position }) => position <= this.#upgradeAt);
    this.#rejectWrites(reason, kept.length);
  }

  #rejectWrites(reason, from = 0) {
    for (const { settled, reject } of this.#writes.splice(from)) {
      settled();
      reject(reason);
    }
  }

  end() {
    if (!this.#native.end()) this.#fail();
  }

  // --- reading ---

  /**
   * Moves received bytes into `target`, `limit` at most; returns how many, or a `ReadResult`. After Pending the lifecycle
   * is told of more.
   */
  read(target, limit) {
    // Nothing is read before its socket was told that it is open, nor after an early end of it but what is there.
    if (!this.#isOpen && !this.#end) {
      this.#readsEarly = true;
      return ReadResult.Pending;
    }
    // A write is told before the data that answers it.
    if (this.#writes.length > 0 && this.#settleWrites()) {
      setImmediate(() => this.#current.inputAvailable());
      return ReadResult.Pending;
    }
    return calls.read(this.#id, target, limit);
  }

  /** How many bytes a read would find, as far as that is known; of a connection that failed: exactly. */
  get readable() {
    return calls.readable(this.#id);
  }

  /** A read has come to where the connection failed. */
  meetFailure() {
    this.#fail();
  }

  stopReading() {
    this.#native.stopReading();
  }

  // --- the whole ---

  /** Upgrades to TLS; from now on the events are those of `lifecycle`, but for what is left of the plaintext side. */
  upgrade(lifecycle, { context, settings }) {
    this.#current = lifecycle;
    this.#isOpen = false;
    this.#identity = identityOf(settings);
    this.tls = peerOf(settings);
    this.#upgradeAt = this.#native.upgrade(context, settings.serverName, this.#identity !== null);
  }

  close(timeout) {
    if (!this.#native.close(timeout)) this.#fail();
  }

  /**
   * Releases the descriptor at once, with all that was received; writes that wait reject with `reason`. If it is the upgraded
   * socket that gives it up, one whose plaintext may still be on its way must not wait for ever.
   */
  drop(by, reason) {
    this.#end ??= { reason };
    this.#native.stopReading();
    this.#native.dropNow();
    this.#rejectWrites(reason);
    if (by !== this.#first) this.#first.connectionFailed(reason, false);
  }

  /** Gives up whichever socket the connection belongs to by now. */
  abort(reason) {
    this.#first.abort(reason);
    this.#current.abort(reason);
  }

  /** Has the connection end by a reset, to be followed by `drop()`. */
  reset() {
    this.#native.reset();
  }

  setNoDelay(on) {
    this.#native.setNoDelay(on);
  }

  /** Times in seconds; 0 leaves one to the native side. */
  setKeepAlive(on, { idle, interval, count }) {
    this.#native.setKeepAlive(on, idle, interval, count);
  }

  reference(wanted) {
    doorbell.reference(this, wanted && !this.released);
  }

  // --- events ---

  /** `flags` are levels; the order here is the order in which users are told. */
  dispatch(flags) {
    if (flags & EventFlag.Opened) this.#opened(this.#first);
    let settled = flags & WRITES ? this.#settleWrites() : false;
    if (flags & EventFlag.Upgrading) this.#first.plaintextFlushed();
    if (flags & EventFlag.Identity) this.#checkIdentity();
    if (flags & EventFlag.Secured) {
      this.#opened(this.#current);
      settled = this.#settleWrites() || settled;
    }
    if (flags & EventFlag.Failed) this.#fail();
    if (flags & EventFlag.Finished) this.#current.outputFinished();
    if (flags & EventFlag.Readable || (this.#readsEarly && this.#isOpen)) {
      this.#readsEarly = false;
      // A write is told before the data that came after it. Both settle through chains of microtasks of different
      // length, so the data waits for the next turn.
      if (settled) setImmediate(() => this.#current.inputAvailable());
      else this.#current.inputAvailable();
    }
  }

  #opened(lifecycle) {
    this.#isOpen = lifecycle === this.#current;
    lifecycle.connectionOpened();
  }

  /** Lets the writes go that are done; whether there were any. */
  #settleWrites() {
    let result = WriteResult.Accepted;
    let done = 0;
    while (done < this.#writes.length) {
      result = this.#native.accept(this.#writes[done].position);
      if (result !== WriteResult.Accepted) break;
      done++;
    }
    for (const { settled, resolve } of this.#writes.splice(0, done)) {
      settled();
      resolve();
    }
    // A failure that was met quietly is told to the first who writes.
    if (result === WriteResult.Failed) this.#fail();
    return done > 0;
  }

  async #checkIdentity() {
    const { X509Certificate } = require('node:crypto');
    try {
      const certificate = new X509Certificate(this.#native.info().peerCertificate).toLegacyObject();
      const refusal = await this.#identity.check(this.#identity.name, certificate);
      if (refusal !== undefined) throw refusal;
      this.#native.acceptIdentity();
    } catch (error) {
      this.#failHere(identityRefused(error, this.reached));
    }
  }

  /** The native side has failed. */
  #fail() {
    const failure = this.#native.failure();
    this.#tellFailure(fromNative(failure, this.reached), failure.lost);
  }

  /** The JavaScript side has a reason of its own not to go on. */
  #failHere(error) {
    this.#native.dropNow();
    this.#tellFailure(error, false);
  }

  #tellFailure(error, lost) {
    if (this.#end) return;
    this.#end = { reason: error };
    if (this.#first !== this.#current) this.#first.connectionFailed(error, lost);
    this.#current.connectionFailed(error, lost);
    this.#rejectWrites(error);
  }
}

module.exports = { Connection };
