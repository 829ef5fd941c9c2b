// close() without a reason, in every state.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertPlainTypeError,
  assertSocketError,
  commonRejection,
  dial,
  established,
  exchange,
  flood,
  isPending,
  linuxOnly,
  MiB,
  rejection,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { blackhole, closer, echo, greeter, pattern, refusedPort, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();

const DONE = { value: undefined, done: true };

/** How long a promise takes to settle, in milliseconds. */
async function timed(promise) {
  const start = performance.now();
  await promise.catch(() => {});
  return performance.now() - start;
}

/** What asserts that a close resolves although one that began before it, and takes two seconds to give up, has not. */
async function besideOneThatGivesUp(t) {
  const { writer, socket } = await established(t, await served(t, silent()));
  await flood(writer)[0];
  return async (close) => {
    const other = rejection(socket.close()).then(() => 'the other one');
    assert.equal(await Promise.race([close(), other]), undefined);
  };
}

describe('close() while connecting', { timeout: 120_000, ...linuxOnly }, () => {
  test('[B3] with nothing queued gives up at once, and the descriptor goes', async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    const before = openDescriptors();
    const socket = dial(t, hole);
    const reader = socket.readable.getReader();
    const read = reader.read();
    await until(() => openDescriptors() > before, { what: 'an attempt is under way' });
    assert.equal(await socket.close(), undefined);
    assertSocketError(await rejection(socket.opened), { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' });
    assert.equal(await socket.closed, undefined);
    assert.deepEqual(await read, DONE);
    await until(() => openDescriptors() <= before);
  });

  test('[B3] within the tick of connect() sends nothing at all', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    await socket.close();
    assertSocketError(await rejection(socket.opened), { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' });
    await dial(t, server).opened;
    await server.connection(0);
    assert.equal(server.connections.length, 1, 'only the second one came');
  });

  test('[B3] does not count empty writes as queued', async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    const socket = dial(t, hole);
    const writer = socket.writable.getWriter();
    const writes = [writer.write(''), writer.write(new Uint8Array(0))];
    const assertSoon = await besideOneThatGivesUp(t);
    await assertSoon(() => socket.close());
    const error = await commonRejection({ opened: socket.opened, first: writes[0], second: writes[1] });
    assertSocketError(error, { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' });
  });

  test('[B3][C5] with a queued write gives up after two seconds, and the write rejects', async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    const before = openDescriptors();
    const socket = dial(t, hole);
    const write = socket.writable.getWriter().write('queued');
    const close = socket.close();
    const error = await commonRejection({ write, opened: socket.opened });
    assertSocketError(error, { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    assert.equal(await close, undefined, 'the write told of its loss');
    assert.equal(await socket.closed, undefined);
    await until(() => openDescriptors() <= before);
  });

  test('[C5] to a server sends what was written before, then closes; opened resolves', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const write = socket.writable.getWriter().write(pattern(2 * MiB));
    const close = socket.close();
    assert.equal((await socket.opened).remoteAddress, server.address);
    assert.deepEqual(await Promise.all([write, close, socket.closed]), [undefined, undefined, undefined]);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(2 * MiB)));
  });

  test('[C5] to a port that refuses resolves, and the queued write tells of it', async (t) => {
    const socket = dial(t, `127.0.0.1:${await refusedPort()}`);
    const write = socket.writable.getWriter().write('queued');
    const close = socket.close();
    const error = await commonRejection({ write, opened: socket.opened, closed: socket.closed });
    assertSocketError(error, { code: 'ECONNREFUSED' });
    assert.equal(await close, undefined);
  });
});

describe('close() of an open connection', { timeout: 120_000 }, () => {
  test('[C1] resolves with undefined after closed has, and the peer sees FIN', async (t) => {
    const { socket, log } = await established(t, await served(t, sink()));
    const order = [];
    const closed = socket.closed.then((value) => order.push(['closed', value]));
    const close = socket.close().then((value) => order.push(['close', value]));
    await Promise.all([closed, close]);
    assert.deepEqual(order, [
      ['closed', undefined],
      ['close', undefined],
    ]);
    assert.equal(await log.ended, 'FIN');
  });

  test('[C1] resolves after the peer has ended and all is read', async (t) => {
    const { socket, reader } = await established(t, await served(t, closer('bye')));
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'bye');
    assert.deepEqual(await reader.read(), DONE);
    assert.equal(await socket.closed, undefined);
    assert.equal(await socket.close(), undefined);
  });

  test('[C1] twice, and once more when it is done, resolves each time', async (t) => {
    const { socket } = await established(t, await served(t, sink()));
    assert.deepEqual(await Promise.all([socket.close(), socket.close()]), [undefined, undefined]);
    assert.equal(await socket.close(), undefined);
  });

  test('[C7] ends a pending read, and later ones', async (t) => {
    const { socket, reader } = await established(t, await served(t, sink()));
    const reads = [reader.read(), reader.read()];
    await socket.close();
    assert.deepEqual(await Promise.all([...reads, reader.read()]), [DONE, DONE, DONE]);
    assert.equal(await reader.closed, undefined);
  });

  for (const View of [Uint8Array, Uint32Array]) {
    test(`[C7] ends a pending BYOB read into a ${View.name}`, async (t) => {
      const socket = dial(t, await served(t, sink()));
      const reader = socket.readable.getReader({ mode: 'byob' });
      const read = reader.read(new View(8));
      await socket.opened;
      await socket.close();
      const { value, done } = await read;
      assert.equal(done, true);
      assert.equal(value?.byteLength ?? 0, 0);
      assert.equal((await reader.read(new View(8))).done, true);
    });
  }

  test('[C1] settles although a BYOB read holds a part of an element', async (t) => {
    const server = await served(t, greeter('-abc'));
    const socket = dial(t, server);
    const reader = socket.readable.getReader({ mode: 'byob' });
    await reader.read(new Uint8Array(1));
    const read = reader.read(new Uint32Array(1));
    const log = await server.connection(0);
    const outcome = read.then(
      () => 'resolved',
      (error) => assertPlainTypeError(error) ?? 'rejected',
    );
    assert.equal(await socket.close(), undefined);
    assert.equal(await socket.closed, undefined);
    // What becomes of such a read is left to the Streams standard, which rejects it.
    await outcome;
    assert.equal(await log.ended, 'FIN');
  });

  test('[C1] rejects later writes with a plain TypeError', async (t) => {
    const { socket, writer } = await established(t, await served(t, sink()));
    const close = socket.close();
    assertPlainTypeError(await rejection(writer.write('late')));
    assertPlainTypeError(await rejection(writer.close()));
    await close;
    assertPlainTypeError(await rejection(writer.write('later')));
    assert.equal(writer.desiredSize, 0);
  });

  test('[C1] works with streams that nobody has touched, and gives out ended ones', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    await socket.opened;
    await socket.close();
    assert.deepEqual(await socket.readable.getReader().read(), DONE);
    assertPlainTypeError(await rejection(socket.writable.getWriter().write('x')));
    assert.equal(await (await server.connection(0)).ended, 'FIN');
  });

  test('[C5] flushes 2 MiB first', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    const writes = [writer.write(pattern(MiB)), writer.write(pattern(MiB, MiB))];
    await Promise.all([socket.close(), socket.closed, ...writes]);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(2 * MiB)));
  });

  test('[C5] after writer.close() waits for the same end', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    const write = writer.write(pattern(MiB));
    await Promise.all([write, writer.close(), socket.close(), socket.closed]);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.bytes, MiB);
  });

  test('[C5] leaves the peer FIN and not a reset when bytes are unread', async (t) => {
    for (const readFirst of [false, true]) {
      const server = await served(t, sender(500_000, { keepOpen: true }));
      const { socket, reader, writer, log } = await established(t, server);
      if (readFirst) await reader.read();
      await writer.write('bye');
      await socket.close();
      assert.equal(await log.ended, 'FIN');
      assert.equal(log.text, 'bye');
    }
  });

  test('[C1] does not wait for a peer that is silent, and lets the descriptor go', linuxOnly, async (t) => {
    const server = await served(t, silent());
    const { socket } = await established(t, server);
    const assertSoon = await besideOneThatGivesUp(t);
    const before = openDescriptors();
    await assertSoon(() => socket.close());
    await socket.closed;
    // The other one's goes too.
    await until(() => openDescriptors() < before - 1);
  });

  test('[C5] to a peer that never reads gives up after two seconds and tells the loss', linuxOnly, async (t) => {
    const { socket, writer } = await established(t, await served(t, silent()));
    const before = openDescriptors();
    const writes = flood(writer);
    await writes[0];
    const start = performance.now();
    const close = socket.close();
    const error = await commonRejection({ close, lastWrite: writes.at(-1), 'writer.closed': writer.closed });
    const elapsed = performance.now() - start;
    assertSocketError(error, { code: 'ERR_SOCKET_CLOSE_TIMEOUT', syscall: 'shutdown' });
    assert.ok(elapsed > 1900 && elapsed < 5000, `gave up after ${elapsed} ms`);
    const outcomes = await Promise.allSettled(writes);
    const lost = outcomes.findIndex(({ status }) => status === 'rejected');
    assert.ok(outcomes.slice(lost).every(({ reason }) => reason === error));
    assert.equal(await socket.closed, undefined);
    assert.equal(await rejection(socket.close()), error, 'a later close() tells the same');
    await until(() => openDescriptors() < before);
  });

  test('[C5] waits as long as there is progress', async (t) => {
    // More than two seconds in all, and never as long without progress.
    const total = 96 * MiB;
    let timer;
    t.after(() => clearInterval(timer));
    const slow = (stream, log) => {
      let quota = 0;
      stream.on('end', () => stream.end());
      log.observe(stream);
      stream.pause();
      stream.on('data', (chunk) => {
        quota -= chunk.length;
        if (quota < 0 && log.bytes < total) stream.pause();
      });
      timer = setInterval(() => {
        quota = 12 * MiB;
        stream.resume();
      }, 500);
    };
    const { socket, writer, log } = await established(t, await served(t, slow));
    const write = writer.write(pattern(total));
    assert.ok((await timed(Promise.all([write, socket.close()]))) > 2000);
    assert.deepEqual(await Promise.all([write, socket.close()]), [undefined, undefined]);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(total)));
  });

  test('[C7] ends a pipe from the readable without an error', async (t) => {
    const { socket, reader, writer } = await established(t, await served(t, echo()));
    await exchange({ reader, writer });
    reader.releaseLock();
    const chunks = [];
    const pipe = socket.readable.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
    assert.ok(await isPending(pipe));
    await socket.close();
    assert.equal(await pipe, undefined);
  });

  test('[C1] is what await using does', async (t) => {
    const { socket, log } = await established(t, await served(t, sink()));
    assert.equal(await socket[Symbol.asyncDispose](), undefined);
    assert.equal(await log.ended, 'FIN');
    assert.equal(await socket.closed, undefined);
  });
});
