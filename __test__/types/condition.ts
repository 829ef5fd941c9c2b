// Under the condition `workerd`: Cloudflare's own `connect`, and no other name.
import type * as platform from 'cloudflare:sockets';
import type * as own from 'winter-sockets';
import { assert, type Equal } from './assert.js';

assert<Equal<keyof typeof own, 'connect'>>();
assert<Equal<typeof own.connect, typeof platform.connect>>();
