// With `winter-sockets/types`, and no other declaration of `cloudflare:sockets`.
import { connect, type Socket, type SocketOptions } from 'cloudflare:sockets';
import type * as own from 'winter-sockets';
import { accept, assert, type Equal } from './assert.js';

assert<Equal<typeof connect, typeof own.connect>>();
assert<Equal<Socket, own.Socket>>();
accept<SocketOptions>({ secureTransport: 'starttls' });

// @ts-expect-error: a host alone has no port
connect({ hostname: 'db.test' });
