import type {
  connect,
  LookupFunction,
  Socket,
  SocketAddress,
  SocketError,
  SocketOptions,
  TlsOptions,
} from '../index.js';

/** A `connect()` with settings of the host's. Frozen; shows nothing of the settings. Made by {@link createBinding}. */
export interface Binding {
  /**
   * As the package's own {@link connect}, under the settings of the binding. Needs no `this`. What the settings forbid
   * rejects or throws as told at {@link BindingConfig}.
   */
  readonly connect: (address: string | SocketAddress, options?: SocketOptions) => Socket;
}

/** What a host sets for the connections of an application. Every member may be left out. */
export interface BindingConfig {
  /**
   * TLS settings and credentials, which hold for `secureTransport: 'on'` and for `startTls()` wherever the application does
   * not set its own, but for a name that only repeats the host dialled; {@link BindingConfig.lockTls} forbids that. Sessions are resumed within one binding, never across.
   */
  tls?: BindingTlsOptions | undefined;

  /** Where connections may lead. Default: everywhere. */
  network?: NetworkPolicy | undefined;

  /**
   * Milliseconds, 1 to 2147483647, for resolving, connecting and the handshake together; for the handshake of `startTls()`
   * the time starts anew. Then everything of the socket rejects with a {@link SocketError} `'ETIMEDOUT'`, whose `syscall`
   * says what was under way. Default: the limits of the operating system.
   */
  timeout?: number | undefined;

  /** Milliseconds, 1 to 2147483647, that a graceful `close()` waits without progress. Default 2000. */
  closeTimeout?: number | undefined;

  /**
   * Whether the kernel probes a peer that has been silent, so that one that is gone is noticed: after so many milliseconds,
   * at least 1000 and counted in whole seconds, then each second and ten times; or, with `true`, as the system is set (2 hours
   * on Linux). Default false.
   */
  keepAlive?: boolean | number | undefined;

  /** Resolves host names, unless the application gives a {@link SocketOptions.lookup}. Default: the operating system. */
  lookup?: LookupFunction | undefined;

  /**
   * True: no TLS option of the application may differ from `tls`, or from the defaults where `tls` says nothing. One that is
   * equal, or that names the host dialled, is accepted; any other throws a TypeError that names it, and `startTls()` drops
   * the connection. Default false.
   */
  lockTls?: boolean | undefined;
}

/** The TLS settings of a binding: those of {@link TlsOptions}, and what an application may not ask for. */
export interface BindingTlsOptions extends TlsOptions {
  /**
   * A file to which the secrets of every session are appended, as tools such as Wireshark read them. Whoever has it can
   * decrypt what was recorded. The variable SSLKEYLOGFILE has no effect. Default: none.
   */
  keyLogFile?: string | undefined;
}

/**
 * Where connections may lead. The address that a name resolves to is judged before it is dialled, and it is that address
 * that is dialled. Where none is permitted, the socket rejects with a {@link SocketError} `'ERR_SOCKET_POLICY_DENIED'`.
 *
 * An entry is a host (`'db.internal'`), a host and a port (`'db.internal:5432'`), an address with or without a port
 * (`'[::1]:5432'`), a range of addresses (`'10.0.0.0/8'`), or a group of them: `'public'`, `'private'` (in `allow` with
 * `'local'`, as in workerd) or `'local'`. Hosts are compared with the name as the application gives it, whatever its case. Where
 * the binding has a `lookup` and the application brings another, a host in `allow` permits nothing: addresses and ranges do.
 */
export interface NetworkPolicy {
  /** What may be connected to. Default: everything; an empty list allows nothing. */
  allow?: readonly string[] | undefined;
  /** What may not; wins over `allow`. */
  deny?: readonly string[] | undefined;
}
