// With Cloudflare's types: code written for `cloudflare:sockets` accepts ours in place of its own.
import type { connect as cloudflareConnect } from 'cloudflare:sockets';
import { connect, type Socket as OurSocket } from 'winter-sockets';
import { accept } from './assert.js';

declare const socket: OurSocket;
declare const cloudflareOptions: SocketOptions;

accept<Socket>(socket);
accept<typeof cloudflareConnect>(connect);
accept<Socket>(connect('db.test:5432', cloudflareOptions).startTls({} as TlsOptions));
accept<Promise<SocketInfo>>(socket.opened);

export async function streams(): Promise<void> {
  await new Response(socket.readable).text();
  await new Response('body').body?.pipeTo(socket.writable);
}
