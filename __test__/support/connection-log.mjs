// What a test server saw of one connection.

import { createHash } from 'node:crypto';

const HEAD = 64 * 1024;

/** Counts and hashes a run of bytes of any length, and keeps its beginning. */
export class Recorder {
  #hash = createHash('sha256');
  #head = [];
  #kept = 0;
  bytes = 0;

  add(chunk) {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
    if (this.#kept >= HEAD) return;
    const kept = chunk.subarray(0, HEAD - this.#kept);
    this.#head.push(kept);
    this.#kept += kept.length;
  }

  get sha256() {
    return this.#hash.copy().digest('hex');
  }

  get head() {
    return Buffer.concat(this.#head);
  }

  get text() {
    return this.head.toString();
  }
}

/**
 * - `received`: the application's bytes, decrypted where there is TLS; `wire`: the bytes of TCP under TLS, else null
 * - `ending`, and the promise `ended` of it: 'FIN', the code of the error (`ECONNRESET`), or 'none' when this server let go
 *   first. It is seen by reading, so a server that does not read does not see it
 * - `closed`: resolves when the server's descriptor is gone
 * - `commands`: the lines spoken before an upgrade
 * - `tls`, and the promise `secured` of it: `{ servername, protocol, cipher, alpn, resumed, peerCertificate, error }`
 * - `closeNotify`: with TLS, after the end: whether the client said close_notify before its FIN
 */
export class ConnectionLog {
  received = new Recorder();
  wire = null;
  ending = null;
  commands = [];
  tls = null;
  closeNotify = null;
  #resolveSecured;

  constructor(socket) {
    this.socket = socket;
    this.peer = { address: socket.remoteAddress, port: socket.remotePort };
    this.secured = new Promise((resolve) => {
      this.#resolveSecured = resolve;
    });
    this.ended = new Promise((resolve) => {
      const end = (ending) => {
        this.ending ??= ending;
        resolve(this.ending);
      };
      socket.on('end', () => end('FIN'));
      socket.on('error', (error) => end(error.code));
      socket.on('close', () => end('none'));
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => resolve());
    });
  }

  get bytes() {
    return this.received.bytes;
  }

  get sha256() {
    return this.received.sha256;
  }

  get text() {
    return this.received.text;
  }

  /** Starts reading a stream (the socket, or TLS over it) and records what comes. */
  observe(stream) {
    stream.on('data', (chunk) => this.received.add(chunk));
    stream.resume();
  }

  /** Takes down how the handshake went. */
  secure(tls) {
    this.tls = tls;
    this.#resolveSecured(tls);
  }
}
