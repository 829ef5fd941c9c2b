// close(reason) and the signal: giving everything up at once, in every state.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import {
  assertSocketError,
  commonRejection,
  dial,
  established,
  exchange,
  flood,
  isPending,
  linuxOnly,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { blackhole, echo, refusedPort, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();

const reason = new Error('given up');

/** The two ways to give up: `start` makes a socket and what gives it up. */
const ways = [
  {
    name: 'close(reason)',
    start(t, to, options) {
      const socket = dial(t, to, options);
      return { socket, giveUp: () => socket.close(reason) };
    },
  },
  {
    name: 'an abort of the signal',
    start(t, to, options) {
      const controller = new AbortController();
      const socket = dial(t, to, { ...options, signal: controller.signal });
      return { socket, giveUp: () => controller.abort(reason) };
    },
  },
];

for (const { name, start } of ways) {
  describe(name, { timeout: 120_000 }, () => {
    test('[B2] while connecting rejects everything with the reason, and the descriptor goes', linuxOnly, async (t) => {
      const hole = await blackhole();
      t.after(() => hole.close());
      const before = openDescriptors();
      const { socket, giveUp } = start(t, hole);
      const writer = socket.writable.getWriter();
      const reader = socket.readable.getReader();
      const pending = {
        opened: socket.opened,
        closed: socket.closed,
        write: writer.write('x'),
        read: reader.read(),
        'reader.closed': reader.closed,
        'writer.closed': writer.closed,
      };
      await until(() => openDescriptors() > before, { what: 'an attempt is under way' });
      await giveUp();
      assert.equal(await commonRejection(pending), reason);
      assert.equal(await commonRejection({ read: reader.read(), write: writer.write('y') }), reason);
      assert.equal(await socket.close(), undefined);
      await until(() => openDescriptors() <= before);
    });

    test('[B2] within the tick of connect() opens nothing', async (t) => {
      const server = await served(t, sink());
      const { socket, giveUp } = start(t, server);
      await giveUp();
      assert.equal(await commonRejection({ opened: socket.opened, closed: socket.closed }), reason);
      await dial(t, server).opened;
      await server.connection(0);
      assert.equal(server.connections.length, 1, 'only the second one came');
    });

    test('[B2] of an open connection rejects closed and both streams, and the peer sees the end', async (t) => {
      const server = await served(t, echo());
      const { socket, giveUp } = start(t, server);
      const writer = socket.writable.getWriter();
      const reader = socket.readable.getReader();
      await exchange({ writer, reader });
      const pending = { closed: socket.closed, first: reader.read(), second: reader.read() };
      await giveUp();
      assert.equal(await commonRejection({ ...pending, 'reader.closed': reader.closed }), reason);
      assert.equal(await commonRejection({ write: writer.write('x'), 'writer.closed': writer.closed }), reason);
      assert.equal((await socket.opened).remoteAddress, server.address, 'what was told stays told');
      assert.ok(['FIN', 'ECONNRESET'].includes(await (await server.connection(0)).ended));
    });

    test('[C7] rejects a pending BYOB read', async (t) => {
      const { socket, giveUp } = start(t, await served(t, sink()));
      const read = socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8));
      await socket.opened;
      await giveUp();
      assert.equal(await rejection(read), reason);
    });

    test('[B2] gives streams the reason that nobody had asked for before', async (t) => {
      const { socket, giveUp } = start(t, await served(t, sink()));
      await socket.opened;
      await giveUp();
      const read = socket.readable.getReader().read();
      const write = socket.writable.getWriter().write('x');
      assert.equal(await commonRejection({ read, write }), reason);
    });

    test('[B2] drops what a peer that does not read has left unsent, and the descriptor goes', async (t) => {
      const server = await served(t, silent());
      const { socket, giveUp } = start(t, server);
      await socket.opened;
      const log = await server.connection(0);
      const writes = flood(socket.writable.getWriter());
      await writes[0];
      await giveUp();
      assert.equal(await commonRejection({ closed: socket.closed, lastWrite: writes.at(-1) }), reason);
      // The server's stream reads from here on, up to the end of what the kernel had taken.
      log.observe(log.socket);
      assert.ok(['FIN', 'ECONNRESET'].includes(await log.ended));
    });

    test('[B2] while closing rejects what is still pending, at once', async (t) => {
      const { socket, giveUp } = start(t, await served(t, silent()));
      await socket.opened;
      const writes = flood(socket.writable.getWriter());
      await writes[0];
      const close = socket.close();
      assert.ok(await isPending(close));
      await giveUp();
      assert.equal(await commonRejection({ closed: socket.closed, lastWrite: writes.at(-1) }), reason);
      await Promise.allSettled([close]);
    });

    test('[B2] after the end changes nothing', async (t) => {
      const { socket, giveUp } = start(t, await served(t, sink()));
      await socket.opened;
      await socket.close();
      await giveUp();
      assert.equal(await socket.closed, undefined);
      assert.deepEqual(await socket.readable.getReader().read(), { value: undefined, done: true });
      assert.equal(await socket.close(), undefined);
    });

    test('[B2] after a failure keeps its error', async (t) => {
      const { socket, giveUp } = start(t, `127.0.0.1:${await refusedPort()}`);
      assertSocketError(await rejection(socket.opened), { code: 'ECONNREFUSED' });
      await giveUp();
      assertSocketError(await rejection(socket.closed), { code: 'ECONNREFUSED' });
    });

    test('[B2] with data unread does not deliver it any more', async (t) => {
      const server = await served(t, sender(300_000, { keepOpen: true }));
      const { socket, giveUp } = start(t, server);
      const reader = socket.readable.getReader();
      assert.equal((await reader.read()).done, false);
      await giveUp();
      assert.equal(await rejection(reader.read()), reason);
      assert.ok(['FIN', 'ECONNRESET'].includes(await (await server.connection(0)).ended));
    });
  });
}

describe('close(reason)', { timeout: 120_000 }, () => {
  test('[B2] takes any reason but undefined, as it is', async (t) => {
    const server = await served(t, sink());
    for (const given of [null, 0, '', false, 'text', { plain: 'object' }, new TypeError('mine')]) {
      const { socket, reader, writer } = await established(t, server);
      const pending = { closed: socket.closed, read: reader.read() };
      assert.equal(await socket.close(given), undefined);
      assert.equal(await commonRejection({ ...pending, write: writer.write('x') }), given);
    }
  });

  test('[B2] of undefined is graceful', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    const write = writer.write('last words');
    assert.equal(await socket.close(undefined), undefined);
    assert.deepEqual(await Promise.all([socket.closed, write]), [undefined, undefined]);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.text, 'last words');
  });

  test('[B2] gives up streams that nobody holds a lock of', async (t) => {
    const { socket, reader, writer } = await established(t, await served(t, sink()));
    reader.releaseLock();
    writer.releaseLock();
    await socket.close(reason);
    assert.equal(await rejection(socket.readable.getReader().closed), reason);
    assert.equal(await rejection(socket.writable.getWriter().closed), reason);
  });
});

describe('the signal', { timeout: 120_000 }, () => {
  test('[B2] that is aborted already opens nothing', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server, { signal: AbortSignal.abort(reason) });
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    const pending = { opened: socket.opened, closed: socket.closed, write: writer.write('x'), read: reader.read() };
    assert.equal(await commonRejection(pending), reason);
    assert.equal(await socket.close(), undefined);
    assert.equal(socket.ref().unref(), socket);
    await dial(t, server).opened;
    await server.connection(0);
    assert.equal(server.connections.length, 1, 'only the second one came');
  });

  test('[B2] of a timeout bounds a connect that nobody answers', linuxOnly, async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    const before = openDescriptors();
    const signal = AbortSignal.timeout(200);
    const socket = dial(t, hole, { signal });
    await once(signal, 'abort');
    assert.ok(!(await isPending(socket.opened)), 'it goes on after the signal');
    const error = await commonRejection({ opened: socket.opened, closed: socket.closed });
    assert.equal(error, signal.reason);
    assert.equal(error.name, 'TimeoutError');
    await until(() => openDescriptors() <= before);
  });

  test('[B2] is let go of when the socket is over', async (t) => {
    const server = await served(t, sink());
    const listeners = new Set();
    // A signal by its shape only, as a polyfill would be.
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener: (_type, listener) => listeners.add(listener),
      removeEventListener: (_type, listener) => listeners.delete(listener),
    };
    const closing = dial(t, server, { signal });
    const aborted = dial(t, server, { signal });
    const refused = dial(t, `127.0.0.1:${await refusedPort()}`, { signal });
    assert.equal(listeners.size, 3);
    await closing.opened;
    await Promise.all([closing.close(), aborted.close(reason), rejection(refused.opened)]);
    assert.equal(listeners.size, 0);
  });

  test('[B2] serves many sockets at once', async (t) => {
    const server = await served(t, sink());
    const controller = new AbortController();
    const sockets = Array.from({ length: 10 }, () => dial(t, server, { signal: controller.signal }));
    await Promise.all(sockets.map(({ opened }) => opened));
    controller.abort(reason);
    const closed = Object.fromEntries(sockets.map((socket, index) => [index, socket.closed]));
    assert.equal(await commonRejection(closed), reason);
  });
});
