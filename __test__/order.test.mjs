// A write is told before what came after it: drivers collect the replies to the writes that they have awaited.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { dial, established, KiB, MiB, readExactly, served, watchDescriptors } from './support/extra-tcp.mjs';
import { until } from './support/process.mjs';
import { answerer, echo, pattern, resetter } from './support/servers.mjs';

watchDescriptors();

/** A server on a thread of its own; answers every `size` bytes with one, and counts its answers. Resolves to its port. */
async function answeringApart(t, size, answered) {
  const code = `
    const { parentPort, workerData: { size, answered } } = require('node:worker_threads');
    require('node:net').createServer((stream) => {
      let bytes = 0;
      stream.on('data', ({ length }) => {
        bytes += length;
        if (bytes < size) return;
        bytes -= size;
        stream.write('x', () => {
          Atomics.add(answered, 0, 1);
          Atomics.notify(answered, 0);
        });
      });
    }).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port); });`;
  const worker = new Worker(code, { eval: true, workerData: { size, answered } });
  t.after(() => worker.terminate());
  const [port] = await once(worker, 'message');
  return port;
}

describe('a write that settles', { timeout: 120_000 }, () => {
  for (const size of [1, 64 * KiB, 300 * KiB, 1024 * KiB]) {
    test(`[E5] of ${size} bytes is told before the reply to it`, async (t) => {
      const server = await served(t, echo());
      for (let round = 0; round < 20; round++) {
        const { socket, writer, reader } = await established(t, server);
        const order = [];
        const replying = (async () => {
          // Only the last byte is surely a reply to the whole of it.
          await readExactly(reader, size);
          order.push('reply');
        })();
        await writer.write(pattern(size));
        order.push('write');
        await replying;
        assert.deepEqual(order, ['write', 'reply']);
        await socket.close();
      }
    });
  }

  test('[E5] before the connection is up is told before the reply to it', async (t) => {
    for (let round = 0; round < 100; round++) {
      const server = await served(t, answerer('reply'));
      const socket = dial(t, server);
      const order = [];
      const reading = (async () => {
        await socket.readable.getReader().read();
        order.push('reply');
      })();
      const writer = socket.writable.getWriter();
      await writer.write('request');
      order.push('write');
      await reading;
      assert.deepEqual(order, ['write', 'reply']);
      await socket.close();
    }
  });

  test('[E5] is told before the reply also to who asks for that before hearing of either', async (t) => {
    const size = 32 * 1024 * KiB; // More than both kernels take.
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const port = await answeringApart(t, size, answered);
    const socket = dial(t, { hostname: '127.0.0.1', port });
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    for (let round = 1; round <= 3; round++) {
      const order = [];
      const writing = writer.write(pattern(size)).then(() => order.push('write'));
      // With the event loop standing still.
      if (round > 1) assert.notEqual(Atomics.wait(answered, 0, round - 1, 20_000), 'timed-out');
      await Promise.all([writing, reader.read().then(() => order.push('reply'))]);
      assert.deepEqual(order, ['write', 'reply']);
    }
    await socket.close();
  });

  test('[E5] is told before the end of the stream that came after it', async (t) => {
    const server = await served(t, (stream, log) => {
      stream.once('data', () => stream.end());
      log.observe(stream);
    });
    for (let round = 0; round < 50; round++) {
      const socket = dial(t, server);
      const order = [];
      const reading = (async () => {
        assert.equal((await socket.readable.getReader().read()).done, true);
        order.push('end');
      })();
      const writer = socket.writable.getWriter();
      await writer.write('request');
      order.push('write');
      await reading;
      assert.deepEqual(order, ['write', 'end']);
      await socket.closed;
    }
  });

  test('[E5] leaves a request and its reply paired over 2000 exchanges in a row', async (t) => {
    const { writer, reader } = await established(t, await served(t, echo()));
    // As a driver does it: replies go to whoever waits first, and somebody waits only once the write is done.
    const waiting = [];
    const reading = (async () => {
      for (let i = 0; i < 2000; i++) {
        const reply = await readExactly(reader, 8);
        const resolve = waiting.shift();
        assert.ok(resolve, `reply ${i} came before its write was told`);
        resolve(reply.toString());
      }
    })();
    for (let i = 0; i < 2000; i++) {
      const request = String(i).padStart(8, '0');
      await writer.write(request);
      const reply = new Promise((resolve) => waiting.push(resolve));
      assert.equal(await Promise.race([reply, reading]), request);
    }
    await reading;
  });
});

test('[E5] a failure is told to reads and writes before closed resolves', { timeout: 120_000 }, async (t) => {
  const server = await served(t, resetter({ on: 'data' }));
  for (let round = 0; round < 20; round++) {
    const { socket, writer, reader } = await established(t, server);
    const order = [];
    /** As a driver hears of it: at the end of a chain of asynchronous functions. */
    const hear = async (what, promise) => {
      const error = await promise.catch((reason) => reason);
      for (let step = 0; step < 20; step++) await null;
      order.push(what);
      return error;
    };
    const closed = socket.closed.then(() => order.push('closed'));
    const reading = hear('read', reader.read());
    await writer.write('x');
    // More than is accepted while it waits.
    const writing = hear('write', writer.write(pattern(8 * MiB)));
    assert.equal((await reading).code, (await writing).code);
    await closed;
    assert.equal(order.at(-1), 'closed', order.join());
  }
});

test('[E7] Nagle is off: a small write goes out although the one before it is not acknowledged', {
  timeout: 120_000,
}, async (t) => {
  // The server answers every second byte, so the kernel holds back its acknowledgement of the first one for 40 ms. Nagle
  // would hold back the second byte until then.
  const server = await served(t, (stream, log) => {
    log.observe(stream);
    stream.on('data', () => {
      if (log.bytes % 2 === 0) stream.write('x');
    });
  });
  const { writer, reader, log } = await established(t, server);
  const times = [];
  for (let pair = 0; pair < 21; pair++) {
    const start = performance.now();
    await writer.write('a');
    // Else the two would be one segment.
    await until(() => log.bytes === 2 * pair + 1);
    await writer.write('b');
    await reader.read();
    times.push(performance.now() - start);
  }
  const median = times.sort((a, b) => a - b)[10];
  assert.ok(median < 30, `the median is ${median} ms`);
});
