// Connections that do not come about, and what is written before one does.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertSocketError,
  commonRejection,
  dial,
  isPending,
  linuxOnly,
  rejection,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { blackhole, pattern, refusedPort, sink } from './support/servers.mjs';

watchDescriptors();

describe('a failed connection', { timeout: 120_000 }, () => {
  test('[B1][B5] rejects opened, closed, pending reads and writes with one error, which tells what happened', async (t) => {
    const port = await refusedPort();
    const socket = dial(t, `127.0.0.1:${port}`);
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    const error = await commonRejection({
      opened: socket.opened,
      closed: socket.closed,
      write: writer.write('x'),
      secondWrite: writer.write('y'),
      read: reader.read(),
      'reader.closed': reader.closed,
      'writer.closed': writer.closed,
    });
    assertSocketError(error, {
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port,
      errors: [{ address: '127.0.0.1', port, code: 'ECONNREFUSED' }],
    });
    await socket.close();
  });

  test('[B1] rejects later reads and writes with the same error, also those of streams first asked for then', async (t) => {
    const socket = dial(t, `127.0.0.1:${await refusedPort()}`);
    const error = await rejection(socket.opened);
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    assert.equal(await commonRejection({ write: writer.write('x'), read: reader.read(), again: reader.read() }), error);
    assert.equal(await rejection(writer.ready), error);
  });

  test('[B1] rejects a pending BYOB read', async (t) => {
    const socket = dial(t, `127.0.0.1:${await refusedPort()}`);
    const reader = socket.readable.getReader({ mode: 'byob' });
    await commonRejection({ opened: socket.opened, read: reader.read(new Uint8Array(8)) });
  });

  test('[B1] rejects writer.close()', async (t) => {
    const socket = dial(t, `127.0.0.1:${await refusedPort()}`);
    await commonRejection({ close: socket.writable.getWriter().close(), opened: socket.opened });
  });

  test('[B1] settles close(), before and after it is known', async (t) => {
    const socket = dial(t, `127.0.0.1:${await refusedPort()}`);
    const write = socket.writable.getWriter().write('x');
    const close = socket.close();
    const error = await commonRejection({ opened: socket.opened, closed: socket.closed, write });
    assertSocketError(error, { code: 'ECONNREFUSED' });
    assert.equal(await close, undefined);
    assert.equal(await socket.close(), undefined);
  });

  test('[B5] to port 0 rejects later, it does not throw', async (t) => {
    const error = await rejection(dial(t, '127.0.0.1:0').opened);
    // Which code it is differs between systems.
    assertSocketError(error, {
      code: ['ECONNREFUSED', 'EADDRNOTAVAIL'],
      address: '127.0.0.1',
      port: 0,
      syscall: 'connect',
    });
  });

  test('[B5] tells a name that does not exist', async (t) => {
    const socket = dial(t, 'does-not-exist.invalid:80');
    const error = await commonRejection({ opened: socket.opened, closed: socket.closed });
    assertSocketError(error, {
      code: ['ENOTFOUND', 'EAI_AGAIN'],
      syscall: 'getaddrinfo',
      address: 'does-not-exist.invalid',
      port: 80,
    });
  });

  test('[B1] gives two sockets errors of their own', async (t) => {
    const address = `127.0.0.1:${await refusedPort()}`;
    const [first, second] = await Promise.all([rejection(dial(t, address).opened), rejection(dial(t, address).opened)]);
    assert.notEqual(first, second);
  });

  test('[B1] leaves no descriptor behind', linuxOnly, async (t) => {
    const address = `127.0.0.1:${await refusedPort()}`;
    const before = openDescriptors();
    await Promise.all(Array.from({ length: 50 }, () => rejection(dial(t, address).opened)));
    await until(() => openDescriptors() <= before);
  });

  test('[B6] that nobody looks at raises nothing and lets the process exit', async () => {
    const code = `
      import { connect } from 'winter-sockets';
      const report = (what) => (error) => console.log(what, error);
      process.on('unhandledRejection', report('unhandled')).on('uncaughtException', report('uncaught'));
      const address = '127.0.0.1:${await refusedPort()}';
      connect(address);
      connect(address).close();
      connect(address, { secureTransport: 'starttls' });
      const { readable, writable } = connect(address);
      readable.getReader();
      writable.getWriter();
      connect(address).readable.getReader().read().catch(({ code }) => console.log(code));
    `;
    const { code: exit, stdout, stderr } = await runNode(inline(code));
    assert.deepEqual({ exit, stdout, stderr }, { exit: 0, stdout: 'ECONNREFUSED\n', stderr: '' });
  });
});

describe('writing before the connection is up', { timeout: 120_000 }, () => {
  test('[E5] arrives first and in order', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const writer = socket.writable.getWriter();
    const early = ['first,', new Uint8Array(0), 'second,', pattern(100_000), 'last'];
    const writes = early.map((chunk) => writer.write(chunk));
    assert.ok(await isPending(writes[0], 0), 'nothing settles within the tick of connect()');
    await Promise.all([...writes, writer.write('late'), writer.close()]);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(Buffer.concat([...early, 'late'].map((chunk) => Buffer.from(chunk)))));
  });

  test('[E5] is possible at once: ready does not wait for the connection', linuxOnly, async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    const writer = dial(t, hole).writable.getWriter();
    await writer.ready;
    assert.equal(writer.desiredSize, 65536);
    const write = writer.write('hello');
    assert.equal(writer.desiredSize, 65531, 'what waits is counted in bytes');
    assert.ok(await isPending(write), 'and stays pending until the connection is up');
    writer.releaseLock();
  });
});
