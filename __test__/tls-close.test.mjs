// How a TLS connection ends: close_notify on both sides, what a missing one means, and what must have arrived by then.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer, text } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import {
  assertSocketError,
  checkpoint,
  exchange,
  limit,
  modes,
  onFirstBytes,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { closer, echo, greeter, halfOpen, pattern, resetter, sender, sink, truncator } from './support/servers.mjs';

const MIB = 1024 * 1024;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'];
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

for (const { name, wrap, open } of modes) {
  const start = async (t, next, { version, ...options } = {}) => {
    const server = await served(t, wrap({ ...identity, minVersion: version, maxVersion: version }, next));
    const socket = await open(t, server, { ca: authority.pem }, options);
    return { socket, server, log: await server.connection(0) };
  };

  describe(`our end ${name}`, limit, () => {
    for (const version of VERSIONS) {
      test(`[C5] ${version}: close() sends what is queued, then close_notify`, async (t) => {
        const { socket, log } = await start(t, sink(), { version });
        const writer = socket.writable.getWriter();
        const writes = [writer.write('first '), writer.write('second')];
        await socket.close();
        await Promise.all(writes);
        await socket.closed;
        await assertGoodbye(log);
        assert.equal(log.text, 'first second');
      });

      test(`[C4] ${version}: writer.close() sends close_notify, and reading goes on`, async (t) => {
        const { socket, log } = await start(t, halfOpen('the last word'), { version });
        const writer = socket.writable.getWriter();
        await writer.write('hello');
        await writer.close();
        assert.equal(await text(socket.readable), 'the last word');
        await socket.closed;
        await assertGoodbye(log);
        assert.equal(log.text, 'hello');
      });

      test(`[C4] ${version}: 10 MiB that the peer sends after our end arrive complete`, async (t) => {
        const data = pattern(10 * MIB);
        const { socket } = await start(t, halfOpen(data), { version, allowHalfOpen: true });
        await socket.writable.close();
        assert.equal(sha256(await buffer(socket.readable)), sha256(data));
        await socket.closed;
      });

      test(`[C3] ${version}: with allowHalfOpen, 10 MiB that we send after the peer's end arrive complete`, async (t) => {
        const data = pattern(10 * MIB);
        const { socket, log } = await start(t, closer('bye'), { version, allowHalfOpen: true });
        assert.equal(await text(socket.readable), 'bye');
        const writer = socket.writable.getWriter();
        await writer.write(data);
        await writer.close();
        await socket.closed;
        await assertGoodbye(log);
        assert.equal(log.sha256, sha256(data));
      });

      test(`[C3] ${version}: without it, the peer's end that is read ends ours, after what is queued`, async (t) => {
        const data = pattern(MIB);
        const { socket, log } = await start(t, closer('bye'), { version });
        const writer = socket.writable.getWriter();
        const write = writer.write(data);
        assert.equal(await text(socket.readable), 'bye');
        await Promise.all([write, socket.closed]);
        await assertGoodbye(log);
        assert.equal(log.sha256, sha256(data));
      });
    }

    test('[C5] close() that nothing was written before still says goodbye as TLS does', async (t) => {
      const { socket, log } = await start(t, sink());
      await socket.opened;
      await log.secured;
      await socket.close();
      await assertGoodbye(log);
      assert.equal(log.bytes, 0);
    });

    for (const version of VERSIONS) {
      test(`[C5] ${version}: close() towards a peer that has said goodbye and gone resolves`, async (t) => {
        const { reach, reached } = checkpoint();
        const farewell = onFirstBytes((stream) => stream.end('bye', reach));
        const { socket, log } = await start(t, farewell, { version });
        const writer = socket.writable.getWriter();
        await writer.write('hello');
        await reached;
        // Nothing of ours is left to send but close_notify, to which the peer's kernel answers with a reset.
        log.socket.destroySoon();
        await log.closed;
        await socket.close();
        await socket.closed;
      });
    }

    test('[C5] close() before the handshake is done waits for it when something is queued', async (t) => {
      const { socket, log } = await start(t, sink());
      const write = socket.writable.getWriter().write('early');
      await Promise.all([socket.close(), write, socket.opened, socket.closed]);
      await assertGoodbye(log);
      assert.equal(log.text, 'early');
    });
  });

  describe(`the peer's end ${name}`, limit, () => {
    test('[C1] with close_notify is the end of the stream, again and again, and closed resolves with undefined', async (t) => {
      const { socket } = await start(t, closer('bye'));
      const reader = socket.readable.getReader();
      assert.equal(Buffer.from((await reader.read()).value).toString(), 'bye');
      for (let turn = 0; turn < 3; turn++) assert.deepEqual(await reader.read(), { done: true, value: undefined });
      assert.equal(await socket.closed, undefined);
      assert.equal(await socket.close(), undefined);
    });

    for (const version of VERSIONS) {
      test(`[B5] ${version}: without close_notify fails the read after the data, and closed resolves`, async (t) => {
        const { socket } = await start(t, truncator('half a sent'), { version });
        await socket.opened;
        const reader = socket.readable.getReader();
        assert.equal(Buffer.from((await reader.read()).value).toString(), 'half a sent');
        const error = await rejection(reader.read());
        assertSocketError(error, { code: 'ERR_SOCKET_TLS_TRUNCATED', syscall: 'read', message: /close_notify/ });
        await assert.rejects(reader.read(), (reason) => reason === error);
        await assert.rejects(reader.closed, (reason) => reason === error);
        await assert.rejects(socket.writable.getWriter().write('x'), (reason) => reason === error);
        assert.equal(await socket.closed, undefined);
      });
    }

    test('[B5] without close_notify and without data fails the first read', async (t) => {
      const { socket, log } = await start(t, echo());
      await socket.opened;
      await log.secured;
      log.socket.end();
      await assert.rejects(text(socket.readable), { code: 'ERR_SOCKET_TLS_TRUNCATED', name: 'SocketError' });
      await socket.closed;
    });

    test('[B5] in the middle of a record is no clean end either', async (t) => {
      const { socket, log } = await start(t, echo());
      assert.equal(await exchange(socket, 'hello'), 'hello');
      log.socket.end(Buffer.from([23, 3, 3, 0, 100, 1, 2, 3]));
      await assert.rejects(text(socket.readable), { code: 'ERR_SOCKET_TLS_TRUNCATED' });
      await socket.closed;
    });

    test('[B5] without close_notify is a clean one if we have ended first', async (t) => {
      const { socket, log } = await start(
        t,
        onFirstBytes((stream) => stream.write('half a sent')),
      );
      const writer = socket.writable.getWriter();
      await writer.write('hello');
      const reader = socket.readable.getReader();
      assert.equal(Buffer.from((await reader.read()).value).toString(), 'half a sent');
      // TCP alone ends: the server's TLS does not come to say goodbye.
      log.socket.once('end', () => log.socket.end());
      await writer.close();
      assert.deepEqual(await reader.read(), { done: true, value: undefined });
      await socket.closed;
    });

    test('[B5] by a reset fails reads and writes with ECONNRESET, after the data, and closed resolves', async (t) => {
      const { socket } = await start(t, resetter({ on: 'data', text: 'half a sent' }));
      const writer = socket.writable.getWriter();
      const reader = socket.readable.getReader();
      await writer.write('hello');
      const received = [];
      const error = await (async () => {
        for (;;) received.push(Buffer.from((await reader.read()).value));
      })().catch((reason) => reason);
      assertSocketError(error, { code: 'ECONNRESET', syscall: 'read' });
      assert.ok('half a sent'.startsWith(Buffer.concat(received).toString()));
      await assert.rejects(writer.write('x'), (reason) => reason === error);
      await socket.closed;
    });

    test('[B5] by bytes that are no TLS fails the read, and names the step', async (t) => {
      const { socket, log } = await start(t, echo());
      assert.equal(await exchange(socket, 'hello'), 'hello');
      log.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      const error = await rejection(text(socket.readable));
      assertSocketError(error, { code: 'ERR_SOCKET_TLS_PROTOCOL', syscall: 'read' });
      await socket.closed;
    });

    test('[B5] by a forged record fails the read, and delivers nothing of it', async (t) => {
      const { socket, log } = await start(t, echo());
      assert.equal(await exchange(socket, 'hello'), 'hello');
      log.socket.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 'x')]));
      const reader = socket.readable.getReader();
      const error = await rejection(reader.read());
      assertSocketError(error, { code: 'ERR_SOCKET_TLS_PROTOCOL', syscall: 'read' });
      await socket.closed;
    });
  });

  describe(`what the peer still sends at our close ${name}`, limit, () => {
    test('[C5] tickets that nobody has read destroy nothing of what was flushed', async (t) => {
      const server = await served(t, wrap(identity, sink()));
      const data = pattern(64 * 1024);
      for (let round = 0; round < 60; round++) {
        const socket = await open(t, server, { ca: authority.pem });
        const writer = socket.writable.getWriter();
        writer.write(data);
        await socket.close();
        const log = await server.connection(round);
        await assertGoodbye(log, `round ${round}`);
        assert.equal(log.sha256, sha256(data), `round ${round}`);
      }
    });

    test('[C5] data that nobody has read destroys nothing of what was flushed', async (t) => {
      const server = await served(t, wrap(identity, greeter(pattern(256 * 1024), sink())));
      const data = pattern(64 * 1024);
      for (let round = 0; round < 20; round++) {
        const socket = await open(t, server, { ca: authority.pem });
        await socket.opened;
        const writer = socket.writable.getWriter();
        writer.write(data);
        await socket.close();
        const log = await server.connection(round);
        await assertGoodbye(log, `round ${round}`);
        assert.equal(log.sha256, sha256(data), `round ${round}`);
      }
    });

    test('[C5] [E3] more than a megabyte, without end: the descriptor is given back all the same', async (t) => {
      const server = await served(t, wrap(identity, sender(512 * MIB, { keepOpen: true })));
      const before = openDescriptors();
      const socket = await open(t, server, { ca: authority.pem });
      await socket.opened;
      await socket.close();
      await socket.closed;
      await (await server.connection(0)).closed;
      await until(() => openDescriptors() <= before, { what: 'the descriptor is returned' });
    });

    test('[C5] a peer that never answers close_notify and FIN: the descriptor is given back all the same', async (t) => {
      const { reach, reached } = checkpoint();
      const server = await served(
        t,
        wrap(identity, (stream, log) => {
          log.observe(stream);
          stream.on('end', reach);
          stream.allowHalfOpen = true;
        }),
      );
      const socket = await open(t, server, { ca: authority.pem });
      await socket.opened;
      await socket.close();
      await socket.closed;
      await reached;
      const log = await server.connection(0);
      assert.equal(await log.ended, 'FIN');
      // It takes a byte to a descriptor that is gone to find out that it is.
      const isGone = () => {
        if (!log.socket.destroyed) log.socket.write('x');
        return log.socket.destroyed;
      };
      await until(isGone, { what: 'the descriptor is returned' });
      await log.closed;
    });
  });
}

/** The server saw close_notify, and no reset. */
async function assertGoodbye(log, what) {
  await log.closed;
  assert.equal(log.closeNotify, true, what);
  assert.notEqual(log.ending, 'ECONNRESET', what);
}
