import type { X509Certificate } from 'node:crypto';
import type { Socket as NetSocket } from 'node:net';
import type { CipherNameAndProtocol, PeerCertificate } from 'node:tls';
import type { Socket, TlsOptions } from 'winter-sockets';

/**
 * A {@link Socket} as a Duplex with the manners of a `net.Socket`, for drivers that take a stream.
 *
 * The node-style socket takes over both streams of `socket` and its life: use only the one that is returned. It has the
 * events, methods and properties of `net.Socket`; `docs/drivers.md` has the table of the differences. Over TLS it has what
 * drivers ask a `tls.TLSSocket` as well.
 *
 * `allowHalfOpen` and `highWaterMark` are those that `connect()` was given.
 *
 * @throws {TypeError} `'ERR_INVALID_ARG_TYPE'`: not a Socket of this package
 * @throws {SocketError} `'ERR_SOCKET_BAD_STATE'`: one of its streams is locked, or `startTls()` was called on it
 *
 * @example
 * const stream = toNodeSocket(connect('localhost:3306'));
 * const connection = mysql.createConnection({ stream, user: 'app' });
 */
export function toNodeSocket(socket: Socket): NodeSocket;

/** What {@link toNodeSocket} gives: `encrypted` tells which of the two. */
export type NodeSocket = NodeTcpSocket | NodeTlsSocket;

/** A node-style socket without TLS, or before it. */
export interface NodeTcpSocket extends NodeSocketMembers {
  readonly encrypted?: undefined;
}

/** A node-style socket over TLS, with the members of `tls.TLSSocket` that drivers ask for. */
export interface NodeTlsSocket extends NodeSocketMembers {
  readonly encrypted: true;

  /**
   * Whether the server was verified: true once the session is up, false before it and with `rejectUnauthorized: false`.
   * There is no session with a server that failed the verification.
   */
  readonly authorized: boolean;

  /** Always null: a server that fails the verification is an `'error'`, and with `rejectUnauthorized: false` none is made. */
  readonly authorizationError: null;

  /** The application protocol agreed on, false for none; null before the session is up. */
  readonly alpnProtocol: string | false | null;

  /** The name the server was asked for (SNI), false for none; null before the session is up. */
  readonly servername: string | false | null;

  /** `'TLSv1.2'` or `'TLSv1.3'`; null before the session is up. */
  getProtocol(): string | null;

  /** The cipher suite, as Node names it; undefined before the session is up. */
  getCipher(): CipherNameAndProtocol | undefined;

  /**
   * The server's certificate as Node shapes it, without the chain above it whatever `detailed` says; null before the session
   * is up.
   */
  getPeerCertificate(detailed?: boolean): PeerCertificate | null;

  /** The server's certificate; undefined before the session is up. */
  getPeerX509Certificate(): X509Certificate | undefined;
}

/** What both have. To the compiler they are a `net.Socket`, so that drivers' types take them. */
export interface NodeSocketMembers extends NetSocket {
  /**
   * Upgrades to TLS in band, as {@link Socket.startTls} does, and returns the socket to go on with, at once; it emits
   * `'secureConnect'` when the server is verified and the session is up. This one emits `'close'` when its last byte is sent.
   *
   * The new socket fails with `'ERR_SOCKET_STARTTLS_INJECTION'` when plaintext is unread here, and with
   * `'ERR_SOCKET_BAD_STATE'` when writes are still waiting: wait for the server's answer first.
   *
   * @throws as {@link Socket.startTls} does
   */
  startTls(options?: TlsOptions | null): NodeTlsSocket;

  /**
   * Probes an idle connection: after `initialDelay` milliseconds, every `interval` (1000), `count` times (10). Without
   * `initialDelay` the system's pause holds. Takes effect on the descriptor, now or when the connection is up.
   */
  setKeepAlive(enable?: boolean, initialDelay?: number, interval?: number, count?: number): this;
  setKeepAlive(options: {
    enable?: boolean | undefined;
    initialDelay?: number | undefined;
    interval?: number | undefined;
    count?: number | undefined;
  }): this;

  /**
   * Whether small segments are sent at once, which they are unless this turns it off. Takes effect on the descriptor, now or
   * when the connection is up.
   */
  setNoDelay(noDelay?: boolean): this;

  /** Throws (`'ERR_METHOD_NOT_IMPLEMENTED'`): a socket of `connect()` is connected once and for all. */
  connect(...args: unknown[]): never;

  /** Throws (`'ERR_METHOD_NOT_IMPLEMENTED'`). */
  getTypeOfService(): never;

  /** Throws (`'ERR_METHOD_NOT_IMPLEMENTED'`). */
  setTypeOfService(tos: number): never;
}
