// Resets by the peer, with a reader, with a writer, with nobody.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  assertSocketError,
  commonRejection,
  dial,
  established,
  exchange,
  flood,
  isPending,
  linuxOnly,
  readExactly,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { echo, pattern, resetter, silent, sink } from './support/servers.mjs';

watchDescriptors();

/** What sending meets after a reset: the first time the one, later the other. */
const SENDING = ['ECONNRESET', 'EPIPE'];

/** Resets and waits until the client's kernel must know. */
async function reset(log) {
  log.socket.resetAndDestroy();
  await log.closed;
}

/** Writes, once in each turn of the event loop, until a write tells of the reset. */
async function writeUntilRejected(writer) {
  for (;;) {
    try {
      await writer.write('x');
    } catch (error) {
      return error;
    }
    await turn();
  }
}

describe('a reset that a read meets', { timeout: 120_000 }, () => {
  test('[E2][B5] rejects the read, later reads and writes with one error; closed resolves', async (t) => {
    const server = await served(t, sink());
    const { socket, reader, writer, log } = await established(t, server);
    const failure = commonRejection({ first: reader.read(), second: reader.read(), 'reader.closed': reader.closed });
    await reset(log);
    const error = await failure;
    assertSocketError(error, { code: 'ECONNRESET', syscall: 'read', address: '127.0.0.1', port: server.port });
    assert.equal(await socket.closed, undefined);
    assert.equal(
      await commonRejection({ read: reader.read(), write: writer.write('x'), closed: writer.closed }),
      error,
    );
    assert.equal(await socket.close(), undefined, 'nothing that was written is lost');
  });

  test('[E2] rejects a pending BYOB read', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const failure = rejection(socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8)));
    await socket.opened;
    await reset(await server.connection(0));
    assertSocketError(await failure, { code: 'ECONNRESET' });
    assert.equal(await socket.closed, undefined);
  });

  test('[E2] comes after the bytes before it', async (t) => {
    const server = await served(t, resetter({ on: 'data', text: 'last words' }));
    const { socket, reader, writer } = await established(t, server);
    await writer.write('go');
    assert.equal((await readExactly(reader, 10)).toString(), 'last words');
    assertSocketError(await rejection(reader.read()), { code: 'ECONNRESET' });
    assert.equal(await socket.closed, undefined);
  });

  test('[E2] comes after the bytes before it that had arrived, also where the reader lags behind', async (t) => {
    // No more than the kernel takes for a reader that does not read: of the rest the reset robs the peer's.
    const size = 40_000;
    const { reader, log } = await established(t, await served(t, sink()));
    const read = reader.read();
    await new Promise((resolve) => log.socket.write(pattern(size), resolve));
    let { length } = (await read).value;
    await reset(log);
    while (length < size) length += (await reader.read()).value.length;
    assert.equal(length, size);
    assertSocketError(await rejection(reader.read()), { code: 'ECONNRESET' });
  });

  test('[E2] is held back until somebody reads', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, echo()));
    await exchange({ reader, writer });
    await reset(log);
    assert.ok(await isPending(socket.closed, 50));
    assertSocketError(await rejection(reader.read()), { code: 'ECONNRESET', syscall: 'read' });
    assert.equal(await socket.closed, undefined);
  });

  test('[C1] releases the descriptor', linuxOnly, async (t) => {
    const { reader, log } = await established(t, await served(t, sink()));
    const before = openDescriptors();
    const failure = rejection(reader.read());
    await reset(log);
    await failure;
    await until(() => openDescriptors() <= before - 2, { what: 'the descriptors of both ends are gone' });
  });
});

describe('a reset that a write meets', { timeout: 120_000 }, () => {
  test('[E2] rejects that write or the next, then reads too; closed resolves', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, sink()));
    await reset(log);
    const error = await writeUntilRejected(writer);
    assertSocketError(error, { code: SENDING, syscall: 'write' });
    assert.equal(
      await commonRejection({ write: writer.write('y'), read: reader.read(), closed: writer.closed }),
      error,
    );
    assert.equal(await socket.closed, undefined);
  });

  test('[E2] rejects every write that waits', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, silent()));
    const writes = flood(writer);
    await writes[0];
    log.socket.resetAndDestroy();
    const error = await commonRejection({ last: writes.at(-1), 'writer.closed': writer.closed });
    assertSocketError(error, { code: SENDING });
    assert.equal(await socket.closed, undefined);
    assert.equal(await rejection(socket.close()), error, 'accepted bytes were lost');
  });

  test('[E2] leaves the bytes that came before it to a reader that comes afterwards', async (t) => {
    const server = await served(t, resetter({ on: 'data', text: 'last words' }));
    const socket = dial(t, server);
    const writer = socket.writable.getWriter();
    assertSocketError(await writeUntilRejected(writer), { code: SENDING });
    const reader = socket.readable.getReader();
    assert.equal((await readExactly(reader, 10)).toString(), 'last words');
    assertSocketError(await rejection(reader.read()), { code: SENDING });
  });

  test('[E2] is a reset to a reader that waits meanwhile, never an end', async (t) => {
    const server = await served(t, sink());
    for (let i = 0; i < 500; i++) {
      const { reader, writer, log } = await established(t, server);
      const failures = [rejection(reader.read()), writeUntilRejected(writer)];
      log.socket.resetAndDestroy();
      for (const error of await Promise.all(failures)) assertSocketError(error, { code: SENDING });
    }
  });
});

describe('a reset that nobody meets', { timeout: 120_000 }, () => {
  test('[C2] is not noticed', async (t) => {
    const { socket, log } = await established(t, await served(t, sink()));
    await reset(log);
    assert.ok(await isPending(socket.closed, 100));
  });

  for (const reads of [0, 1]) {
    test(`[C1] does not keep close() from resolving, after ${reads} reads`, linuxOnly, async (t) => {
      const { socket, reader, log } = await established(t, await served(t, sink()));
      const before = openDescriptors();
      if (reads > 0) {
        log.socket.write('hello');
        await reader.read();
      }
      await reset(log);
      assert.equal(await socket.close(), undefined);
      assert.equal(await socket.closed, undefined);
      assert.ok(openDescriptors() <= before);
      await until(() => openDescriptors() <= before - 2);
    });
  }

  test('[C1] settles writer.close() too', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, echo()));
    await exchange({ reader, writer });
    await reset(log);
    await Promise.allSettled([writer.close()]);
    assertSocketError(await rejection(reader.read()), { code: SENDING });
    assert.equal(await socket.closed, undefined);
  });
});

describe('a reset after bytes were accepted', { timeout: 120_000 }, () => {
  test('[E2] that came before close() is told by it', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    await reset(log);
    await writer.write('lost').catch(() => {});
    assertSocketError(await rejection(socket.close()), { code: SENDING });
    assert.equal(await socket.closed, undefined);
  });

  test('[E2] is told by writer.close()', async (t) => {
    const { writer, log } = await established(t, await served(t, sink()));
    await reset(log);
    await writer.write('lost').catch(() => {});
    assertSocketError(await rejection(writer.close()), { code: SENDING });
  });

  test('[E2] is told by close() while it still has bytes to send', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, silent()));
    const writes = flood(writer);
    await writes[0];
    const close = socket.close();
    log.socket.resetAndDestroy();
    assertSocketError(await commonRejection({ close, last: writes.at(-1) }), { code: SENDING });
    assert.equal(await socket.closed, undefined);
  });
});

test('[B6] a reset at accept is seen by a read, whether opened had resolved or not, and raises nothing', async (t) => {
  const server = await served(t, resetter());
  const code = `
    import { connect } from 'winter-sockets';
    const report = (what) => (error) => console.log(what, error);
    process.on('unhandledRejection', report('unhandled')).on('uncaughtException', report('uncaught'));
    for (let i = 0; i < 50; i++) {
      const socket = connect('${server.address}');
      const outcome = await socket.readable.getReader().read().then(() => 'read', ({ code }) => code);
      if (outcome !== 'ECONNRESET') console.log(outcome);
      await Promise.allSettled([socket.closed, socket.close()]);
    }
    const ignored = connect('${server.address}').unref();
    ignored.readable.getReader();
    ignored.writable.getWriter().write('x').catch(() => {});
  `;
  const { code: exit, stdout, stderr } = await runNode(inline(code));
  assert.deepEqual({ exit, stdout, stderr }, { exit: 0, stdout: '', stderr: '' });
});
