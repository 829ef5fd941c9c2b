// `winter-sockets/node` with Node's types: its sockets fit wherever a driver's types ask for one of Node's.
import type * as crypto from 'node:crypto';
import type * as net from 'node:net';
import type { Duplex } from 'node:stream';
import type * as tls from 'node:tls';
import { connect, type Socket, type TlsOptions } from 'winter-sockets';
import { type NodeSocket, type NodeTcpSocket, type NodeTlsSocket, toNodeSocket } from 'winter-sockets/node';
import { accept, assert, type Equal } from './assert.js';

declare const plain: NodeTcpSocket;
declare const secure: NodeTlsSocket;
declare const tlsOptions: tls.ConnectionOptions;

const socket = toNodeSocket(connect('db.test:5432'));
assert<Equal<typeof socket, NodeSocket>>();
accept<Duplex>(socket);
accept<net.Socket>(socket);
accept<tls.ConnectionOptions>({ socket });
accept<() => net.Socket>(() => toNodeSocket(connect('db.test:5432')));
assert<Equal<ReturnType<Socket['startTls']>, Socket>>();

// @ts-expect-error: a socket of Node's is none of ours
toNodeSocket(plain);
// @ts-expect-error: an address is no socket
toNodeSocket('db.test:5432');

assert<Equal<ReturnType<typeof socket.startTls>, NodeTlsSocket>>();
accept<TlsOptions>(tlsOptions);
plain.startTls(tlsOptions);
plain.startTls();
// @ts-expect-error: a misspelt setting must not pass for a verification
plain.startTls({ rejectUnauthorised: true });

// `encrypted` tells the two apart.
if (socket.encrypted) accept<boolean>(socket.authorized);
// @ts-expect-error: not known to be TLS
socket.getPeerCertificate();
// @ts-expect-error: known not to be TLS
plain.getProtocol();

accept<net.Socket>(secure);
assert<Equal<typeof secure.authorized, boolean>>();
assert<Equal<typeof secure.alpnProtocol, string | false | null>>();
accept<tls.PeerCertificate | null>(secure.getPeerCertificate(true));
accept<crypto.X509Certificate | undefined>(secure.getPeerX509Certificate());
accept<string | undefined>(secure.getCipher()?.standardName);

plain.on('close', (hadError) => accept<boolean>(hadError));
plain.on('data', (data) => accept<Buffer | string>(data));
accept<NodeTcpSocket>(plain.setKeepAlive(true, 1000, 500, 3).setNoDelay().setTimeout(1000).unref());
accept<NodeTcpSocket>(plain.setKeepAlive({ enable: true, initialDelay: 1000 }));
accept<string | undefined>(plain.remoteAddress);

export function never(): string {
  return plain.connect(5432);
}
