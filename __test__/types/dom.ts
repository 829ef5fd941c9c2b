// With the DOM library and no other types.
import type { PeerCertificate, Socket } from 'winter-sockets';
import { accept, assert, type Equal } from './assert.js';

declare const socket: Socket;

export async function streams(): Promise<void> {
  await new Response(socket.readable).text();
  accept<ReadableStream<string>>(socket.readable.pipeThrough(new TextDecoderStream()));
  await new Response('body').body?.pipeTo(socket.writable);
  await new TextEncoderStream().readable.pipeTo(socket.writable);
}

// Node's shape of a certificate is unknown here, and an error in our declarations it must not be.
type IsAny<Type> = 0 extends 1 & Type ? true : false;
assert<Equal<IsAny<PeerCertificate>, true>>();
