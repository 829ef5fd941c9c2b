// What `opened` tells.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dial, served, watchDescriptors } from './support/extra-tcp.mjs';
import { echo, hasIPv6, sink } from './support/servers.mjs';

watchDescriptors();

describe('opened', () => {
  test('[D9] tells the address as given, the local end as the server sees it, and the peer', async (t) => {
    const server = await served(t, sink());
    const info = await dial(t, server).opened;
    const { peer } = await server.connection(0);
    assert.deepEqual(info, {
      remoteAddress: server.address,
      localAddress: `${peer.address}:${peer.port}`,
      alpn: null,
      peerAddress: server.address,
      tlsVersion: null,
      cipher: null,
      peerCertificate: null,
    });
    assert.equal(Object.getPrototypeOf(info), Object.prototype);
  });

  test('[D9] keeps the case of a name in remoteAddress, and gives the number reached in peerAddress', async (t) => {
    const server = await served(t, sink());
    const info = await dial(t, `LocalHost:${server.port}`).opened;
    assert.equal(info.remoteAddress, `LocalHost:${server.port}`);
    assert.equal(info.peerAddress, server.address);
  });

  test('[D9] gives remoteAddress the form host:port when the address was a record', async (t) => {
    const server = await served(t, sink());
    const { opened } = dial(t, { hostname: server.host, port: String(server.port) });
    assert.equal((await opened).remoteAddress, server.address);
  });

  const ipv6 = { skip: !hasIPv6 && 'needs ::1' };
  test('[D9] writes IPv6 addresses in brackets', ipv6, async (t) => {
    const server = await served(t, sink(), { hosts: ['::1'] });
    const info = await dial(t, server).opened;
    const { peer } = await server.connection(0);
    assert.equal(info.remoteAddress, `[::1]:${server.port}`);
    assert.equal(info.peerAddress, `[::1]:${server.port}`);
    assert.equal(info.localAddress, `[::1]:${peer.port}`);
  });

  test('[B4] a server on 127.0.0.1 only is reached through localhost', async (t) => {
    const server = await served(t, sink());
    const info = await dial(t, `localhost:${server.port}`).opened;
    assert.equal(info.peerAddress, server.address);
  });

  test('[D9] resolves before the first write does', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const order = [];
    const write = socket.writable
      .getWriter()
      .write('x')
      .then(() => order.push('write'));
    const opened = socket.opened.then(() => order.push('opened'));
    await Promise.all([write, opened]);
    assert.deepEqual(order, ['opened', 'write']);
  });

  test('[B6] needs nobody to look at it', async (t) => {
    const server = await served(t, echo());
    const socket = dial(t, server);
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    await writer.write('hello');
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'hello');
  });

  test('[G5] twenty sockets at once each come to the server', async (t) => {
    const server = await served(t, sink());
    const infos = await Promise.all(Array.from({ length: 20 }, () => dial(t, server).opened));
    assert.equal(new Set(infos.map(({ localAddress }) => localAddress)).size, 20);
  });
});
