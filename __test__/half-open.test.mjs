// One direction ended, and the other one going on or not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertPlainTypeError,
  dial,
  established,
  exchange,
  isPending,
  linuxOnly,
  MiB,
  readExactly,
  rejection,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { closer, echo, halfOpen, pattern, sink } from './support/servers.mjs';

watchDescriptors();

const DONE = { value: undefined, done: true };
const textOf = ({ value }) => Buffer.from(value).toString();

describe('the end of the peer, with allowHalfOpen false', { timeout: 120_000 }, () => {
  test('[C3] once read closes the writable, resolves closed and releases the descriptor', linuxOnly, async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, closer('bye')));
    const before = openDescriptors();
    assert.equal(textOf(await reader.read()), 'bye');
    assert.deepEqual(await reader.read(), DONE);
    assert.equal(await socket.closed, undefined);
    assert.equal(await writer.closed, undefined);
    assertPlainTypeError(await rejection(writer.write('late')));
    assert.equal(await log.ended, 'FIN');
    await until(() => openDescriptors() < before);
    assert.equal(await socket.close(), undefined);
  });

  test('[C3] flushes what is queued first', async (t) => {
    // Ends at once and begins to read only when the client is known to have seen the end.
    let startReading;
    const server = await served(t, (stream, log) => {
      stream.end();
      startReading = () => log.observe(stream);
    });
    const { socket, reader, writer, log } = await established(t, server);
    const write = writer.write(pattern(16 * MiB));
    assert.deepEqual(await reader.read(), DONE);
    startReading();
    await Promise.all([write, socket.closed]);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(16 * MiB)));
  });

  test('[C3] closes a writable that nobody has touched, or whose lock is released', async (t) => {
    for (const touch of [() => {}, (socket) => socket.writable.getWriter().releaseLock()]) {
      const server = await served(t, closer());
      const socket = dial(t, server);
      touch(socket);
      assert.deepEqual(await socket.readable.getReader().read(), DONE);
      assert.equal(await socket.closed, undefined);
      assert.equal(await (await server.connection(0)).ended, 'FIN');
      assertPlainTypeError(await rejection(socket.writable.getWriter().write('late')));
    }
  });

  test('[C2] with nobody reading is not noticed: closed is pending and writing goes on', async (t) => {
    const server = await served(t, closer('bye'));
    const { socket, writer, log } = await established(t, server);
    for (let i = 0; i < 10; i++) await writer.write('x');
    await until(() => log.bytes === 10, { what: 'the peer, which has ended, gets what is written' });
    assert.equal(log.ending, null);
    assert.ok(await isPending(socket.closed, 50));
  });

  test('[C2] with nobody reading on is held back until a read asks', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, echo()));
    await exchange({ reader, writer });
    log.socket.end();
    const other = await established(t, await served(t, echo()));
    for (let i = 0; i < 10; i++) await exchange(other);
    assert.ok(await isPending(socket.closed));
    await writer.write('still open');
    assert.deepEqual(await reader.read(), DONE);
    assert.equal(await socket.closed, undefined);
  });

  test('[C4] does not fail a write that is waiting', async (t) => {
    const server = await served(t, closer());
    const { socket, reader, writer, log } = await established(t, server);
    const [write] = await Promise.all([writer.write(pattern(8 * MiB)), reader.read()]);
    assert.equal(write, undefined);
    await Promise.all([socket.closed, log.ended]);
    assert.equal(log.bytes, 8 * MiB);
  });
});

describe('the end of the peer, with allowHalfOpen true', { timeout: 120_000 }, () => {
  test('[C3] leaves the writable open: 1 MiB written after it arrives complete', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, closer('bye')), {
      allowHalfOpen: true,
    });
    assert.equal(textOf(await reader.read()), 'bye');
    assert.deepEqual(await reader.read(), DONE);
    assert.ok(await isPending(socket.closed));
    assert.equal(log.ending, null);
    await writer.write(pattern(MiB));
    await writer.close();
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(MiB)));
  });

  test('[C2] and then writer.close() resolves closed and releases the descriptor', linuxOnly, async (t) => {
    const { socket, reader, writer } = await established(t, await served(t, closer()), { allowHalfOpen: true });
    const before = openDescriptors();
    assert.deepEqual(await reader.read(), DONE);
    assert.ok(await isPending(socket.closed));
    await writer.close();
    assert.equal(await socket.closed, undefined);
    await until(() => openDescriptors() < before);
  });

  test('[C2] and then close() resolves both', async (t) => {
    const { socket, reader, log } = await established(t, await served(t, closer()), { allowHalfOpen: true });
    assert.deepEqual(await reader.read(), DONE);
    assert.deepEqual(await Promise.all([socket.close(), socket.closed]), [undefined, undefined]);
    assert.equal(await log.ended, 'FIN');
  });

  test('[C2] and then abort() of the writable resolves closed', async (t) => {
    const { socket, reader, writer } = await established(t, await served(t, closer()), { allowHalfOpen: true });
    assert.deepEqual(await reader.read(), DONE);
    await writer.abort(new Error('mine'));
    assert.equal(await socket.closed, undefined);
  });
});

for (const allowHalfOpen of [false, true]) {
  describe(`our end, with allowHalfOpen ${allowHalfOpen}`, { timeout: 120_000 }, () => {
    test('[C4] is seen by the peer, and what it sends afterwards is read', async (t) => {
      const { socket, reader, writer, log } = await established(t, await served(t, halfOpen('reply')), {
        allowHalfOpen,
      });
      await writer.write('request');
      await writer.close();
      assert.equal(await log.ended, 'FIN');
      assert.equal(log.text, 'request');
      assert.equal((await readExactly(reader, 5)).toString(), 'reply');
      assert.deepEqual(await reader.read(), DONE);
      assert.equal(await socket.closed, undefined);
    });

    test('[C4] does not end a read that is pending, nor resolve closed', async (t) => {
      const server = await served(t, (stream, log) => log.observe(stream));
      const { socket, reader, writer, log } = await established(t, server, { allowHalfOpen });
      const read = reader.read();
      await writer.close();
      assert.equal(await log.ended, 'FIN');
      assert.ok(await isPending(read));
      assert.ok(await isPending(socket.closed));
      log.socket.end('later');
      assert.equal(textOf(await read), 'later');
      assert.deepEqual(await reader.read(), DONE);
      assert.equal(await socket.closed, undefined);
    });

    test('[C4] before the connection is up waits for it', async (t) => {
      const server = await served(t, halfOpen('reply'));
      const socket = dial(t, server, { allowHalfOpen });
      await socket.writable.close();
      assert.equal(await (await server.connection(0)).ended, 'FIN');
      assert.equal((await readExactly(socket.readable.getReader(), 5)).toString(), 'reply');
    });

    test('[C1] and then close() drops what the peer still sends', async (t) => {
      const { socket, reader, writer, log } = await established(t, await served(t, sink()), { allowHalfOpen });
      await writer.close();
      const read = reader.read();
      await Promise.all([socket.close(), socket.closed]);
      assert.deepEqual(await read, DONE);
      assert.equal(await log.ended, 'FIN');
    });
  });
}
