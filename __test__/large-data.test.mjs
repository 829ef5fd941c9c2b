// Bytes in quantity, by their hash.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dial, established, KiB, MiB, readToEnd, served, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { echo, halfOpen, pattern, sender, sink } from './support/servers.mjs';

watchDescriptors();

describe('one write', { timeout: 120_000 }, () => {
  const sizes = [1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 124 * KiB, 256 * KiB, 256 * KiB + 1, MiB, 64 * MiB];
  for (const size of sizes) {
    test(`[E1] of ${size} bytes arrives whole`, async (t) => {
      const server = await served(t, sink());
      const { socket, writer, log } = await established(t, server);
      await writer.write(pattern(size));
      await writer.close();
      assert.equal(await log.ended, 'FIN');
      assert.equal(log.bytes, size);
      assert.equal(log.sha256, sha256(pattern(size)));
      await socket.close();
    });
  }

  test('[E1] of 1 MiB that was made before the connection was up arrives whole', async (t) => {
    const server = await served(t, sink());
    const writer = dial(t, server).writable.getWriter();
    await Promise.all([writer.write(pattern(MiB)), writer.close()]);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(MiB)));
  });
});

describe('an echo', { timeout: 120_000 }, () => {
  for (const size of [4 * MiB, 8 * MiB]) {
    test(`[E1] of ${size / MiB} MiB comes back unchanged`, async (t) => {
      const { socket, writer, reader } = await established(t, await served(t, echo()));
      reader.releaseLock();
      const [received] = await Promise.all([readToEnd(socket.readable), writer.write(pattern(size)), writer.close()]);
      assert.equal(received.bytes, size);
      assert.equal(received.sha256, sha256(pattern(size)));
      await socket.closed;
    });
  }

  test('[E1] of writes of every size from 1 byte up comes back unchanged', async (t) => {
    const { socket, writer, reader } = await established(t, await served(t, echo()));
    reader.releaseLock();
    const total = 3 * MiB;
    const write = async () => {
      for (let sent = 0, i = 1; sent < total; i++) {
        const size = Math.min((i * 7919) % (96 * KiB), total - sent);
        await writer.write(pattern(size, sent));
        sent += size;
      }
      await writer.close();
    };
    const [received] = await Promise.all([readToEnd(socket.readable), write()]);
    assert.equal(received.sha256, sha256(pattern(total)));
  });

  test('[E1] on many connections at once keeps them apart', async (t) => {
    const server = await served(t, echo());
    const size = 300_000;
    const hashes = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        const { readable, writable } = dial(t, server);
        const writer = writable.getWriter();
        const [received] = await Promise.all([
          readToEnd(readable),
          writer.write(pattern(size, i * 1000)),
          writer.close(),
        ]);
        return received.sha256;
      }),
    );
    assert.deepEqual(
      hashes,
      hashes.map((_, i) => sha256(pattern(size, i * 1000))),
    );
  });
});

describe('a stream from the peer', { timeout: 120_000 }, () => {
  test('[E1] of 64 MiB arrives whole', async (t) => {
    const received = await readToEnd(dial(t, await served(t, sender(64 * MiB))).readable);
    assert.equal(received.bytes, 64 * MiB);
    assert.equal(received.sha256, sha256(pattern(64 * MiB)));
  });

  test('[C4] of 10 MiB that comes after writer.close() arrives whole', async (t) => {
    const { socket, writer, reader, log } = await established(t, await served(t, halfOpen(pattern(10 * MiB))));
    reader.releaseLock();
    await writer.write('request');
    await writer.close();
    assert.equal(await log.ended, 'FIN');
    const received = await readToEnd(socket.readable);
    assert.equal(received.sha256, sha256(pattern(10 * MiB)));
    await socket.closed;
  });
});
