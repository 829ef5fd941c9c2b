/// <reference lib="esnext.disposable" />

import type { Binding, BindingConfig } from './types/bindings.js';

export type { Binding, BindingConfig, BindingTlsOptions, NetworkPolicy } from './types/bindings.js';

// Stream and signal types are named by their global names, so that they are those of the environment in force: Node's,
// the DOM library's or the Workers'. Importing them from `node:stream/web` would tie every user to one of the three.

/**
 * Opens a TCP connection, and a TLS session on it when `options.secureTransport` is `'on'`.
 *
 * Returns at once. Bytes may be written and read from then on: they wait until the connection is up. A failure of the
 * network is never thrown: it rejects `opened`, `closed` and every read and write with one {@link SocketError}.
 *
 * Source: `connect()` of `cloudflare:sockets`.
 *
 * @param address `'host:port'`, with an IPv6 address in brackets (`'[::1]:5432'`), or a {@link SocketAddress}
 * @param options see {@link SocketOptions}; members it does not name are ignored
 * @throws {TypeError} for an unusable address or option, before anything is opened; `code` is `'ERR_INVALID_ARG_TYPE'`
 *   or `'ERR_INVALID_ARG_VALUE'`
 *
 * @example
 * const socket = connect('gopher.floodgap.com:70');
 * const writer = socket.writable.getWriter();
 * await writer.write('/\r\n');
 * for await (const chunk of socket.readable) process.stdout.write(chunk);
 */
export function connect(address: string | SocketAddress, options?: SocketOptions): Socket;

/**
 * One connection, as two streams and the promises that tell its life. Made by {@link connect} and
 * {@link Socket.startTls} alone; `new Socket()` throws a TypeError.
 *
 * A socket that is not closed keeps the process alive, like one of `node:net`, until {@link Socket.unref} is called.
 * Dropping every reference to a socket does not close it.
 *
 * Source: `Socket` of `cloudflare:sockets`; what goes beyond it is named at the member.
 */
export class Socket {
  private constructor();

  /**
   * What the peer sends, as a readable byte stream: `getReader({ mode: 'byob' })` works, and so does
   * `read(view, { min })` where Node has it. A chunk is at most 256 KiB, on memory of its own that is never used again.
   *
   * - Ends when the peer ends: a TCP FIN, or over TLS a close_notify.
   * - Errors with a {@link SocketError} when the connection is lost (`'ECONNRESET'`) or when TLS ends without
   *   close_notify (`'ERR_SOCKET_TLS_TRUNCATED'`). Bytes received before that are delivered first.
   * - Nothing the peer does is noticed while nobody reads.
   * - `cancel()` sends nothing to the peer and leaves writing as it is; together with the end of the writable it
   *   releases the connection.
   *
   * The same object on every access. Source: `cloudflare:sockets`, WHATWG Streams.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;

  /**
   * What is sent to the peer. `write()` copies its {@link SocketChunk}, so the caller may change or reuse it at once.
   * Once the connection is up and the writes before it have settled it resolves: at once if no more than 256 KiB up to
   * the last of its bytes wait to be sent, else when half of that do. It rejects with a {@link SocketError} when the connection failed or is lost (`'ECONNRESET'`, `'EPIPE'`). A chunk of another type rejects that write alone with a
   * TypeError: the stream goes on working.
   *
   * - `desiredSize` and `ready` count bytes against {@link SocketOptions.highWaterMark}.
   * - `close()` sends what is queued, then FIN (over TLS close_notify first); reading goes on.
   * - `abort()` drops what is queued and sends nothing to the peer.
   *
   * The same object on every access. Source: `cloudflare:sockets`, WHATWG Streams.
   */
  readonly writable: WritableStream<SocketChunk>;

  /**
   * Resolves with a {@link SocketInfo} when the connection is up; with `secureTransport: 'on'`, and for the socket that
   * {@link Socket.startTls} returns, when the peer is verified and the handshake is done.
   *
   * Rejects with a {@link SocketError} when resolving, connecting or the handshake fails, or when `close()` came first
   * (`'ERR_SOCKET_CLOSED_BEFORE_OPEN'`); with the reason as it is after `close(reason)` or an abort of the signal.
   * Marked as handled: ignoring it raises no unhandled rejection. There is no time limit but the operating system's:
   * use {@link SocketOptions.signal}, or a binding's {@link BindingConfig.timeout}.
   *
   * Source: `cloudflare:sockets`; codes and the reason: WinterTC draft.
   */
  readonly opened: Promise<SocketInfo>;

  /**
   * Resolves when the connection is over, whatever ended it once it was up, a reset included: the reads and writes
   * concerned tell the failure. For a socket that was upgraded it resolves when its plaintext is flushed.
   *
   * Rejects with the error of {@link Socket.opened} when resolving, connecting or the handshake failed, and with the
   * reason after `close(reason)` or an abort of the signal. A `close()` that came first resolves it. Marked as handled.
   *
   * Source: `cloudflare:sockets`.
   */
  readonly closed: Promise<void>;

  /**
   * True on a socket whose {@link Socket.startTls} has taken the connection over, once its plaintext is flushed; false
   * on the socket that `startTls()` returned. Source: `cloudflare:sockets`.
   */
  readonly upgraded: boolean;

  /**
   * `'off'`: plaintext. `'on'`: TLS. `'starttls'`: opened in plaintext, and may be upgraded once; the socket returned
   * by {@link Socket.startTls} says `'on'`. Source: `cloudflare:sockets`.
   */
  readonly secureTransport: 'off' | 'on' | 'starttls';

  /**
   * Closes the connection. Every call returns a promise of its own.
   *
   * Without a reason, or with `undefined`: queued writes are sent, also those made before the connection is up, then
   * close_notify over TLS and FIN. Resolves when that is done. After 2 seconds without progress it gives up: the writes
   * that wait reject (`'ERR_SOCKET_CLOSE_TIMEOUT'`), and `closed` resolves. While connecting with nothing queued it gives
   * up at once, and `opened` rejects (`'ERR_SOCKET_CLOSED_BEFORE_OPEN'`). A pending read ends; later reads say done,
   * later writes reject. Where bytes of a write that had resolved may be lost and neither a read nor a write has told of
   * it, this promise rejects with that {@link SocketError}, marked as handled.
   *
   * With a reason: drops the connection at once in every state. Both streams, and `opened` and `closed` while they are
   * pending, get the reason as it is.
   *
   * On a socket that was upgraded: does nothing and resolves.
   *
   * Source: `cloudflare:sockets`; `reason`: WinterTC draft; the limit is this package's own.
   */
  close(reason?: unknown): Promise<void>;

  /**
   * Starts TLS on a connection opened with `secureTransport: 'starttls'`, and returns the socket to use from then on,
   * at once. Release the locks of reader and writer first. Plaintext writes already made are sent before the handshake;
   * this socket's `closed` resolves and its streams stay locked.
   *
   * The new socket's `opened` and `closed`, reads and writes reject with a {@link SocketError} when the handshake
   * fails, when a lock is still held (`'ERR_SOCKET_BAD_STATE'`), or when plaintext is left unread at the time of the
   * call (`'ERR_SOCKET_STARTTLS_INJECTION'`).
   *
   * Source: `cloudflare:sockets`; WinterTC draft for the class of the error.
   *
   * @param options TLS settings, over those of {@link SocketOptions.tls}
   * @throws {SocketError} `'ERR_SOCKET_BAD_STATE'`: opened with another `secureTransport`, already upgraded, or closed;
   *   the connection is left as it is
   * @throws {TypeError} `'ERR_INVALID_ARG_TYPE'` or `'ERR_INVALID_ARG_VALUE'`: unusable settings; the connection is
   *   dropped, since it can no longer become safe
   */
  startTls(options?: TlsOptions | null): Socket;

  /** Makes an open socket keep the process alive again, the default. Returns this socket. Source: `node:net`. */
  ref(): this;

  /** Lets the process exit although this socket is open. Returns this socket. Source: `node:net`. */
  unref(): this;

  /** Closes as `close()` does, for `await using socket = connect(...)`. Source: ECMAScript resource management. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What {@link Socket.writable} takes: bytes in any form, shared memory too, or a string, which is sent as UTF-8.
 * Source: `cloudflare:sockets`.
 */
export type SocketChunk = ArrayBufferView | ArrayBufferLike | string;

/** Where to connect. Source: `SocketAddress` of `cloudflare:sockets`. */
export interface SocketAddress {
  /** A host name, an IPv4 address, or an IPv6 address with or without brackets. */
  hostname: string;
  /** 0 to 65535. */
  port: number;
}

/**
 * How to connect. Members are read once, in `connect()`, and checked whatever `secureTransport` says; members not named
 * here are ignored. Source: `SocketOptions` of `cloudflare:sockets` unless said otherwise.
 */
export interface SocketOptions {
  /**
   * `'off'` (default): plaintext. `'on'`: TLS from the start. `'starttls'`: plaintext until {@link Socket.startTls}.
   * `'use'`, the first name of `'on'`, is taken as `'on'`; any other value throws. The type admits any string because
   * Cloudflare's declaration does.
   */
  secureTransport?: 'off' | 'on' | 'starttls' | (string & {}) | undefined;

  /**
   * False (default): when the end of the readable is read, what is queued is sent and the writable is closed too.
   * True: the writable stays open until it is closed.
   */
  allowHalfOpen?: boolean | undefined;

  /** Bytes that may be queued before `writer.ready` and writes have to wait. Default 65536. */
  highWaterMark?: number | bigint | undefined;

  /** The server name, as {@link TlsOptions.sni}. Source: WinterTC draft. */
  sni?: string | undefined;

  /** Application protocols to offer, the preferred first. Source: WinterTC draft. */
  alpn?: readonly string[] | undefined;

  /**
   * An abort closes the socket as `close(signal.reason)` does, in every state. Already aborted: nothing is opened.
   * `AbortSignal.timeout(ms)` bounds connecting and handshake. This package's own.
   */
  signal?: AbortSignal | undefined;

  /** Resolves the host name instead of the operating system's resolver. Source: `net.connect` of Node. */
  lookup?: LookupFunction | undefined;

  /** TLS settings for `'on'`, and defaults of `startTls()` for `'starttls'`. This package's own. */
  tls?: TlsOptions | undefined;
}

/**
 * Makes a `connect()` of the host's own: with TLS settings and credentials, limits and a network policy that the application
 * which calls it knows nothing of. `docs/bindings.md` describes it.
 *
 * @param config see {@link BindingConfig}; a member that it does not name is refused
 * @throws {TypeError} for whatever cannot be used, by name: bad PEM, a key that does not match, a bad range of addresses,
 *   an unknown member; `code` is `'ERR_INVALID_ARG_TYPE'` or `'ERR_INVALID_ARG_VALUE'`. No message holds a key or a passphrase
 *
 * @example
 * const database = createBinding({
 *   tls: { ca: readFileSync('ca.pem'), cert: readFileSync('client.pem'), key: readFileSync('client.key') },
 *   network: { allow: ['db.internal:5432'] },
 *   lockTls: true,
 * });
 * const socket = database.connect('db.internal:5432', { secureTransport: 'starttls' });
 */
export function createBinding(config: BindingConfig): Binding;

/** What is known of a connection that is up. */
export interface SocketInfo {
  /** The address as the caller gave it, `host:port`: a name stays a name. Source: `cloudflare:sockets`. */
  remoteAddress: string;
  /** The local end, numeric `ip:port`, IPv6 in brackets. Source: WinterTC draft. */
  localAddress: string;
  /** The application protocol agreed on, or null without TLS or without agreement. Source: WinterTC draft. */
  alpn: string | null;
  /** The peer actually reached, numeric `ip:port`, IPv6 in brackets. This package's own, like the members below. */
  peerAddress: string;
  /** The version of TLS, or null without TLS. */
  tlsVersion: 'TLSv1.2' | 'TLSv1.3' | null;
  /** The cipher suite by its IANA name, such as `'TLS_AES_256_GCM_SHA384'`, or null without TLS. */
  cipher: string | null;
  /** The server's certificate in DER, for `new X509Certificate(...)`, or null without TLS. */
  peerCertificate: Uint8Array<ArrayBuffer> | null;
}

/**
 * TLS settings, under Node's names and with Node's meanings, so that the object a driver keeps for `tls.connect` can be
 * passed. Members that are no TLS settings (`socket`, `host`, `port`, ...) are ignored; security settings that cannot
 * be honoured (such as `secureContext`) throw a TypeError. `docs/tls.md` has the whole table.
 *
 * One name serves for SNI, verification and session tickets: the first given of `expectedServerHostname`, `servername`
 * and `sni`, else the host name connected to. Two that disagree throw.
 */
export interface TlsOptions {
  /** The name the certificate must be valid for, when it is not the one connected to. Source: `cloudflare:sockets`. */
  expectedServerHostname?: string | undefined;

  /** Node's name for the same; `''` sends no SNI and verifies the name connected to. Source: `tls.connect` of Node. */
  servername?: string | undefined;

  /** The draft's name for the same. Source: WinterTC draft. */
  sni?: string | undefined;

  /** Application protocols to offer, the preferred first. Default: none. Source: WinterTC draft. */
  alpn?: readonly string[] | undefined;

  /** Node's name for the same: a list, or its wire format as bytes. Source: `tls.connect` of Node. */
  ALPNProtocols?: readonly (string | Uint8Array)[] | ArrayBufferView | undefined;

  /**
   * The certificates to trust, PEM or DER, instead of the default: those that Node itself trusts, with
   * NODE_EXTRA_CA_CERTS. A server certificate that is itself in the list is accepted. Source: `tls.connect` of Node.
   */
  ca?: PemOrDer | readonly PemOrDer[] | undefined;

  /** The client's certificate, PEM or DER, with its chain. Needs `key`. Source: `tls.connect` of Node. */
  cert?: PemOrDer | readonly PemOrDer[] | undefined;

  /** The private key of `cert`, PEM or DER. Source: `tls.connect` of Node. */
  key?: PemOrDer | readonly (PemOrDer | PrivateKey)[] | undefined;

  /** Decrypts `key`. Source: `tls.connect` of Node. */
  passphrase?: string | undefined;

  /**
   * False accepts any certificate, and so any server. Default true; nothing else turns verification off, and not the
   * variable NODE_TLS_REJECT_UNAUTHORIZED. Source: `tls.connect` of Node.
   */
  rejectUnauthorized?: boolean | undefined;

  /**
   * Replaces the check of the name: called once the chain is verified and before `opened` resolves, with the
   * certificate as Node's `tls` shapes it. An Error returned or thrown fails the connection. It may be asynchronous.
   * Source: `tls.connect` of Node.
   */
  checkServerIdentity?:
    | ((hostname: string, certificate: PeerCertificate) => Error | undefined | Promise<Error | undefined>)
    | undefined;

  /** The lowest version accepted. Default `'TLSv1.2'`, which older ones mean too. Source: `tls.connect` of Node. */
  minVersion?: TlsVersion | undefined;

  /** The highest version offered. Default `'TLSv1.3'`; below `'TLSv1.2'` throws. Source: `tls.connect` of Node. */
  maxVersion?: TlsVersion | undefined;
}

/** The versions that Node names; those before `'TLSv1.2'` are never spoken. */
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** A certificate or key: PEM text with any number of blocks, or the bytes of PEM or DER. */
export type PemOrDer = string | ArrayBufferView;

/** A private key with the passphrase that decrypts it. Source: `tls.connect` of Node. */
export interface PrivateKey {
  pem: PemOrDer;
  passphrase?: string | undefined;
}

/** Node's `tls.PeerCertificate`. */
// @ts-ignore: where @types/node is absent the name cannot be resolved, and any is what remains of it.
export type PeerCertificate = import('node:tls').PeerCertificate;

/**
 * Resolves a host name: Node's `dns.lookup`, or a function with its signature. It is called once for a connection, with
 * `all: true`, and may answer with a list or with one address and its family. The addresses it gives are the ones
 * dialled. Source: `lookup` of `net.connect` of Node.
 */
export type LookupFunction = (
  hostname: string,
  options: LookupOptions,
  callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
) => void;

/** The options of Node's `dns.lookup`. */
export interface LookupOptions {
  family?: number | 'IPv4' | 'IPv6' | undefined;
  hints?: number | undefined;
  all?: boolean | undefined;
  order?: 'ipv4first' | 'ipv6first' | 'verbatim' | undefined;
  verbatim?: boolean | undefined;
}

/** One address of an answer of Node's `dns.lookup`. */
export interface LookupAddress {
  address: string;
  /** 4 or 6. */
  family: number;
}

/**
 * A failure of the network or of TLS, and a misuse of `startTls()`. One object serves `opened`, `closed` and the reads
 * and writes that were pending. Match on `code`: texts may change. Made by this package alone.
 *
 * Source: WinterTC draft (a TypeError whose message starts with `SocketError: `); the members are Node's or our own.
 */
export class SocketError extends TypeError {
  private constructor();

  /** `'SocketError'`. */
  readonly name: 'SocketError';

  /** What went wrong: a {@link SocketErrorCode}, or another code of the operating system or its resolver. */
  readonly code: SocketErrorCode | (string & {});

  /** The step that failed; absent for a misuse. */
  readonly syscall?: 'getaddrinfo' | 'connect' | 'handshake' | 'read' | 'write' | 'shutdown';

  /** The address concerned: numeric once the name is resolved, else as the caller gave it. */
  readonly address?: string;

  /** The port concerned. */
  readonly port?: number;

  /** With `'ERR_SOCKET_TLS_ALERT'`: the number of the server's alert, as in RFC 8446, B.2; 40 is handshake_failure. */
  readonly alert?: number;

  /** When connecting failed: the failure of each address, in the order tried. The first is the one this error tells. */
  readonly errors?: readonly AddressFailure[];

  /** The error behind this one, such as what `lookup` or `checkServerIdentity` gave. */
  readonly cause?: unknown;
}

/** Why one address of a host could not be connected to. */
export interface AddressFailure {
  /** As `code` of {@link SocketError}. */
  readonly code: SocketErrorCode | (string & {});
  /** The numeric address that was dialled. */
  readonly address: string;
  readonly port: number;
}

/**
 * The codes of {@link SocketError} to match on, described in `docs/errors.md`. Those without the prefix `ERR_SOCKET_`
 * are Node's, with Node's meaning.
 */
export type SocketErrorCode =
  // Resolving and connecting
  | 'ENOTFOUND'
  | 'EAI_AGAIN'
  | 'ECONNREFUSED'
  | 'ECONNABORTED'
  | 'ETIMEDOUT'
  | 'EHOSTUNREACH'
  | 'ENETUNREACH'
  | 'EADDRNOTAVAIL'
  | 'EMFILE'
  // Reading and writing
  | 'ECONNRESET'
  | 'EPIPE'
  // The server's certificate
  | 'CA_KEY_TOO_SMALL'
  | 'CA_MD_TOO_WEAK'
  | 'CERT_CHAIN_TOO_LONG'
  | 'CERT_HAS_EXPIRED'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_REJECTED'
  | 'CERT_REVOKED'
  | 'CERT_SIGNATURE_FAILURE'
  | 'DEPTH_ZERO_SELF_SIGNED_CERT'
  | 'EE_KEY_TOO_SMALL'
  | 'ERR_TLS_CERT_ALTNAME_INVALID'
  | 'EXCLUDED_VIOLATION'
  | 'INVALID_CA'
  | 'INVALID_PURPOSE'
  | 'PATH_LENGTH_EXCEEDED'
  | 'PERMITTED_VIOLATION'
  | 'SELF_SIGNED_CERT_IN_CHAIN'
  | 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'
  | 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
  | 'UNHANDLED_CRITICAL_EXTENSION'
  | 'UNSUPPORTED_SIGNATURE_ALGORITHM'
  // TLS itself
  | 'ERR_SOCKET_TLS_ALERT'
  | 'ERR_SOCKET_TLS_PROTOCOL'
  | 'ERR_SOCKET_TLS_TRUNCATED'
  | 'ERR_SOCKET_STARTTLS_INJECTION'
  // The host
  | 'ERR_SOCKET_POLICY_DENIED'
  // The life of a socket
  | 'ERR_SOCKET_BAD_STATE'
  | 'ERR_SOCKET_CLOSED_BEFORE_OPEN'
  | 'ERR_SOCKET_CLOSE_TIMEOUT';
