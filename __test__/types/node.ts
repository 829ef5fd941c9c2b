// With Node's types: Node's own objects fit, and so does pg-cloudflare's declaration of `cloudflare:sockets`.
import type * as declared from 'cloudflare:sockets';
import * as dns from 'node:dns';
import type * as net from 'node:net';
import { text } from 'node:stream/consumers';
import * as tls from 'node:tls';
import { connect, type LookupFunction, type PeerCertificate, type Socket, type TlsOptions } from 'winter-sockets';
import 'winter-sockets/register';
import { accept, assert, type Equal } from './assert.js';

declare const socket: Socket;
declare const tlsOptions: tls.ConnectionOptions;
declare const tcpOptions: net.TcpNetConnectOpts;

// A driver passes what it keeps for tls.connect(); this must not need a cast.
accept<TlsOptions['minVersion']>(tlsOptions.minVersion);
accept<TlsOptions>(tlsOptions);
socket.startTls(tlsOptions);
connect('db.test:5432', { secureTransport: 'on', tls: tlsOptions, lookup: tcpOptions.lookup });

accept<LookupFunction>(dns.lookup);
accept<net.LookupFunction>((() => {}) as LookupFunction);
assert<Equal<PeerCertificate, tls.PeerCertificate>>();
socket.startTls({ checkServerIdentity: tls.checkServerIdentity });
socket.startTls({ checkServerIdentity: (_hostname, certificate) => tls.checkServerIdentity('db.test', certificate) });
// @ts-expect-error: a verdict must be an Error or undefined
socket.startTls({ checkServerIdentity: () => false });

export async function streams(): Promise<void> {
  for await (const chunk of socket.readable) accept<Uint8Array<ArrayBuffer>>(chunk);
  await socket.writable.getWriter().write(Buffer.from('bytes'));
  await new Response(socket.readable).text();
  accept<string>(await text(socket.readable));
  accept<string>(await text(socket.readable.pipeThrough(new TextDecoderStream())));
  await new Response('body').body?.pipeTo(socket.writable);
}

// pg-cloudflare compiles against this declaration of its own.
accept<declared.Socket>(socket);
accept<typeof declared.connect>(connect);
accept<TlsOptions>({} as declared.TlsOptions);
