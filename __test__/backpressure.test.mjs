// A side that does not read must hold the other one up, and memory must stay bounded meanwhile.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  dial,
  established,
  flood,
  isPending,
  KiB,
  MiB,
  readToEnd,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { inline, runNode, until } from './support/process.mjs';
import { pattern, sender, serve, silent, sink } from './support/servers.mjs';

watchDescriptors();

const GiB = 1024 * MiB;

/** More than the kernel holds for a reader that is asleep, and far below what is sent. */
const KERNEL = 64 * MiB;

/** What a server could send so far. */
const sentBy = (log) => log.socket.bytesWritten;

/** Waits until a count stands still although everybody had the time to raise it. */
async function standsStill(count) {
  let [last, repeats] = [count(), 0];
  await until(() => {
    const now = count();
    repeats = now === last ? repeats + 1 : 0;
    last = now;
    return repeats === 200;
  });
  return last;
}

describe('a peer that sends without end', { timeout: 120_000 }, () => {
  for (const reads of [0, 1]) {
    test(`[E3] is held up when nobody reads ${reads === 0 ? 'at all' : 'on'}`, async (t) => {
      const { reader, log } = await established(t, await served(t, sender(GiB)));
      for (let i = 0; i < reads; i++) await reader.read();
      const sent = await standsStill(() => sentBy(log));
      assert.ok(sent < KERNEL, `the peer could send ${sent} bytes`);
    });
  }

  test('[C8] is held up after a cancel', async (t) => {
    const { socket, reader, log } = await established(t, await served(t, sender(GiB)));
    await reader.read();
    await reader.cancel();
    const sent = await standsStill(() => sentBy(log));
    assert.ok(sent < KERNEL, `the peer could send ${sent} bytes`);
    assert.ok(await isPending(socket.closed));
  });

  test('[E3] sends all of it once somebody reads', async (t) => {
    const { socket, reader, log } = await established(t, await served(t, sender(128 * MiB)));
    reader.releaseLock();
    await standsStill(() => sentBy(log));
    assert.equal((await readToEnd(socket.readable)).bytes, 128 * MiB);
  });

  test('[E3] costs a reader that has stopped little memory', async (t) => {
    const server = await served(t, sender(GiB));
    // The child learns by a connection to this one that the other one stands still.
    const bell = await serve(async (stream) => {
      const log = await server.connection(0);
      await standsStill(() => sentBy(log));
      stream.end('now');
    });
    t.after(() => bell.close());
    const code = `
      import { connect } from 'winter-sockets';
      const warm = connect('${bell.address}');
      const held = connect('${server.address}');
      const reader = held.readable.getReader();
      await reader.read();
      const before = process.memoryUsage().rss;
      for await (const chunk of warm.readable);
      console.log(process.memoryUsage().rss - before);
      process.exit();
    `;
    const { code: exit, stdout } = await runNode(inline(code));
    assert.equal(exit, 0);
    assert.ok(Number(stdout) < 4 * MiB, `grew by ${Number(stdout)} bytes`);
  });
});

describe('a peer that does not read', { timeout: 120_000 }, () => {
  test('[E3] makes writes wait; desiredSize and ready tell', async (t) => {
    const { writer } = await established(t, await served(t, silent()));
    const { ready } = writer;
    const writes = flood(writer);
    await writes[0];
    assert.ok(writer.desiredSize <= 0);
    assert.notEqual(writer.ready, ready);
    assert.ok(await isPending(writer.ready, 100));
    assert.ok(await isPending(writes.at(-1), 100));
    assert.ok(writer.desiredSize <= 0);
  });

  test('[E3] stops a writer that waits for ready, with what it wrote bounded by the kernel and a constant', async (t) => {
    const { writer, log } = await established(t, await served(t, silent()));
    let written = 0;
    const chunk = pattern(64 * KiB);
    const write = async () => {
      while (written < GiB) {
        await writer.ready;
        writer.write(chunk).catch(() => {});
        written += chunk.length;
      }
    };
    const writing = write();
    writing.catch(() => {});
    const total = await standsStill(() => written);
    assert.ok(total < KERNEL, `${total} bytes were written`);
    assert.ok(writer.desiredSize <= 0);

    // What is above the kernel's share is the queue and its mark.
    log.observe(log.socket);
    await until(() => log.bytes > total);
    await until(() => written > total);
  });

  test('[E3] stops a pipe', async (t) => {
    const { socket, writer } = await established(t, await served(t, silent()));
    writer.releaseLock();
    let pulled = 0;
    const chunk = pattern(64 * KiB);
    const source = new ReadableStream({
      pull(controller) {
        pulled += chunk.length;
        controller.enqueue(chunk);
      },
    });
    source.pipeTo(socket.writable).catch(() => {});
    const total = await standsStill(() => pulled);
    assert.ok(total < KERNEL, `${total} bytes were pulled`);
  });

  test('[E3] costs a waiting writer no memory beyond its chunks', async (t) => {
    const server = await served(t, silent());
    const code = `
      import { setImmediate as turn } from 'node:timers/promises';
      import { connect } from 'winter-sockets';
      const { writable, opened } = connect('${server.address}');
      await opened;
      const writer = writable.getWriter();
      const chunk = new Uint8Array(65536);
      const before = process.memoryUsage().rss;
      for (let pending = false; !pending; ) {
        pending = true;
        writer.write(chunk).then(() => (pending = false));
        for (let turns = 0; pending && turns < 2000; turns++) await turn();
      }
      console.log(process.memoryUsage().rss - before);
      process.exit();
    `;
    const { code: exit, stdout } = await runNode(inline(code));
    assert.equal(exit, 0);
    // Most of it is the garbage of the loop above.
    assert.ok(Number(stdout) < 32 * MiB, `grew by ${Number(stdout)} bytes`);
  });
});

describe('highWaterMark', { timeout: 120_000 }, () => {
  test('[E3] is what desiredSize starts at, in bytes', async (t) => {
    const server = await served(t, sink());
    for (const [given, expected] of [
      [undefined, 65_536],
      [10, 10],
      ['7', 7],
      [5.9, 5],
    ]) {
      const { writer } = await established(t, server, { highWaterMark: given });
      assert.equal(writer.desiredSize, expected);
    }
  });

  test('[E3] falls by what waits and comes back when it is sent', async (t) => {
    const socket = dial(t, await served(t, sink()), { highWaterMark: 10 });
    const writer = socket.writable.getWriter();
    const write = writer.write('x'.repeat(25));
    assert.equal(writer.desiredSize, -15);
    assert.ok(await isPending(writer.ready, 0));
    await write;
    await writer.ready;
    assert.equal(writer.desiredSize, 10);
  });

  test('[E3] counts a string by its UTF-8 bytes, and an accepted write not at all', async (t) => {
    const { writer } = await established(t, await served(t, sink()), { highWaterMark: 100 });
    const write = writer.write('\u20ac'.repeat(10));
    assert.equal(writer.desiredSize, 100);
    await write;
  });

  test('[E1] smaller than the writes changes nothing of what arrives', async (t) => {
    const { writer, log } = await established(t, await served(t, sink()), { highWaterMark: 1 });
    for (let sent = 0; sent < 2 * MiB; sent += 32 * KiB) {
      await writer.ready;
      writer.write(pattern(32 * KiB, sent));
    }
    await writer.close();
    await log.ended;
    assert.equal(log.sha256, sha256(pattern(2 * MiB)));
  });
});
