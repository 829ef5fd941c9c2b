// What holds in every environment. A line under @ts-expect-error is a test that the compiler refuses it.
import {
  type AddressFailure,
  type Binding,
  type BindingConfig,
  connect,
  createBinding,
  type LookupFunction,
  Socket,
  type SocketAddress,
  type SocketChunk,
  SocketError,
  type SocketErrorCode,
  type SocketInfo,
  type SocketOptions,
  type TlsOptions,
} from 'winter-sockets';
import { accept, assert, type Equal } from './assert.js';

const socket = connect('db.test:5432');
const other = connect('db.test:5433');
const address: SocketAddress = { hostname: '::1', port: 5432 };
accept<Socket>(connect(address));

// connect() refuses what would throw.
// @ts-expect-error: an address is required
connect();
// @ts-expect-error: a host alone has no port
connect({ hostname: 'db.test' });
// @ts-expect-error: a port alone has no host
connect(5432);
// @ts-expect-error: null is no options object
connect('db.test:5432', null);
// @ts-expect-error: a misspelt option
connect('db.test:5432', { securetransport: 'on' });
// @ts-expect-error: Cloudflare's is a string too
connect('db.test:5432', { secureTransport: true });
// @ts-expect-error: a list is needed
connect('db.test:5432', { alpn: 'h2' });
// @ts-expect-error: a number of bytes
connect('db.test:5432', { highWaterMark: '64k' });
// @ts-expect-error: the signal, not its controller
connect('db.test:5432', { signal: new AbortController() });

const options: Required<SocketOptions> = {
  secureTransport: 'starttls',
  allowHalfOpen: true,
  highWaterMark: 10n,
  sni: 'db.test',
  alpn: ['h2'] as const,
  signal: new AbortController().signal,
  lookup: (_hostname, _options, callback) => callback(null, '127.0.0.1', 4),
  tls: { ca: 'pem' },
};
connect(address, options);
connect(address, { secureTransport: 'off', allowHalfOpen: undefined, highWaterMark: 65536, tls: undefined });
const lookupAll: LookupFunction = (_hostname, _options, callback) => callback(null, [{ address: '::1', family: 6 }]);
connect(address, { lookup: lookupAll });
// Any string, as in Cloudflare's declaration.
connect(address, { secureTransport: 'off' as string });

// A binding: every member may be left out, none may be added.
const config: Required<BindingConfig> = {
  tls: { ca: 'pem', keyLogFile: 'keys.log' },
  network: { allow: ['public'] as const, deny: ['10.0.0.0/8'] },
  timeout: 1000,
  closeTimeout: 1000,
  keepAlive: true,
  lookup: lookupAll,
  lockTls: true,
};
assert<Equal<ReturnType<typeof createBinding>, Binding>>();
assert<Equal<Binding['connect'], typeof connect>>();
accept<Socket>(createBinding(config).connect(address, options));
createBinding({ keepAlive: 10_000 });
// @ts-expect-error: a configuration is required
createBinding();
// @ts-expect-error: a misspelt member
createBinding({ timeOut: 1 });
// @ts-expect-error: a file, not a switch
createBinding({ tls: { keyLogFile: true } });
// @ts-expect-error: that is for bindings alone
connect(address, { tls: { keyLogFile: 'keys.log' } });
// @ts-expect-error: lists of entries
createBinding({ network: { allow: 'public' } });
// @ts-expect-error: the binding stays as it is
createBinding({}).connect = connect;

// The class is a value to compare with, and nobody makes an object of it.
accept<(value: unknown) => value is Socket>((value) => value instanceof Socket);
// @ts-expect-error: private constructor
new Socket();
// @ts-expect-error: private constructor
new SocketError();
// @ts-expect-error: private constructor
export class Derived extends Socket {}

// Members, exactly.
assert<Equal<Socket['readable'], ReadableStream<Uint8Array<ArrayBuffer>>>>();
assert<Equal<Socket['writable'], WritableStream<SocketChunk>>>();
assert<Equal<Socket['opened'], Promise<SocketInfo>>>();
assert<Equal<Socket['closed'], Promise<void>>>();
assert<Equal<Socket['upgraded'], boolean>>();
assert<Equal<Socket['secureTransport'], 'off' | 'on' | 'starttls'>>();
assert<Equal<Socket['close'], (reason?: unknown) => Promise<void>>>();
assert<Equal<Socket['startTls'], (options?: TlsOptions | null) => Socket>>();
assert<Equal<(typeof Socket.prototype)[typeof Symbol.asyncDispose], () => Promise<void>>>();
accept<Socket>(socket.ref().unref());

// @ts-expect-error: read-only
socket.readable = other.readable;
// @ts-expect-error: read-only
socket.writable = other.writable;
// @ts-expect-error: read-only
socket.opened = other.opened;
// @ts-expect-error: read-only
socket.closed = other.closed;
// @ts-expect-error: read-only
socket.upgraded = true;
// @ts-expect-error: read-only
socket.secureTransport = 'on';

assert<Equal<SocketInfo['remoteAddress' | 'localAddress' | 'peerAddress'], string>>();
assert<Equal<SocketInfo['alpn' | 'cipher'], string | null>>();
assert<Equal<SocketInfo['tlsVersion'], 'TLSv1.2' | 'TLSv1.3' | null>>();
assert<Equal<SocketInfo['peerCertificate'], Uint8Array<ArrayBuffer> | null>>();

export async function bytes(): Promise<void> {
  const reader = socket.readable.getReader();
  const { done, value } = await reader.read();
  if (!done) accept<Uint8Array<ArrayBuffer>>(value);

  const byob = socket.readable.getReader({ mode: 'byob' });
  const filled = await byob.read(new Uint8Array(16));
  accept<number | undefined>(filled.value?.byteLength);

  const writer = socket.writable.getWriter();
  await writer.write('text');
  await writer.write(new Uint8Array(1));
  await writer.write(new Uint8Array(1).subarray(0, 1) as Uint8Array);
  await writer.write(new Float64Array(1));
  await writer.write(new DataView(new ArrayBuffer(1)));
  await writer.write(new ArrayBuffer(1));
  await writer.write(new SharedArrayBuffer(1));
  // @ts-expect-error: a number is no chunk
  await writer.write(1);
  // @ts-expect-error: null is no chunk
  await writer.write(null);
  accept<number | null>(writer.desiredSize);

  await socket.readable.pipeTo(other.writable);
}

export async function disposed(): Promise<void> {
  await using temporary = connect('db.test:5432');
  await temporary.opened;
}

export function tls(): void {
  const settings: TlsOptions = {
    expectedServerHostname: 'db.test',
    servername: 'db.test',
    sni: 'db.test',
    alpn: ['postgresql'],
    ALPNProtocols: [new Uint8Array([104, 50])],
    ca: ['pem', new Uint8Array(1)],
    cert: 'pem',
    key: [{ pem: 'pem', passphrase: 'secret' }],
    passphrase: 'secret',
    rejectUnauthorized: true,
    checkServerIdentity: (hostname, _certificate) => (hostname === 'db.test' ? undefined : new Error('other host')),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
  };
  socket.startTls(settings);
  // @ts-expect-error: a misspelt setting must not pass for a verification
  socket.startTls({ serverName: 'db.test' });
  // @ts-expect-error: a boolean, not a text that is true
  socket.startTls({ rejectUnauthorized: 'false' });
  // @ts-expect-error: no such version
  socket.startTls({ minVersion: 'TLSv1.4' });
}

export function failure(error: unknown): void {
  if (!(error instanceof SocketError)) return;
  accept<TypeError>(error);
  if (error.syscall === 'handshake' && error.code === 'CERT_HAS_EXPIRED') return;
  // @ts-expect-error: no such step
  if (error.syscall === 'resolve') return;
  // @ts-expect-error: read-only
  error.code = 'EPIPE';
}

assert<Equal<SocketError['code'], SocketErrorCode | (string & {})>>();
assert<Equal<SocketError['address'], string | undefined>>();
assert<Equal<SocketError['port' | 'alert'], number | undefined>>();
assert<Equal<SocketError['errors'], readonly AddressFailure[] | undefined>>();
assert<Equal<SocketError['cause'], unknown>>();
// @ts-expect-error: no such code
accept<SocketErrorCode>('ECONREFUSED');
