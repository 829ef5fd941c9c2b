// With `winter-sockets/types` and Cloudflare's types, whose declaration of `cloudflare:sockets` then stands.
import { connect } from 'cloudflare:sockets';
import { accept, assert, type Equal } from './assert.js';

assert<Equal<ReturnType<typeof connect>, Socket>>();
accept<(address: string | SocketAddress, options?: SocketOptions) => Socket>(connect);
