// The streams of a socket in the hands of other stream APIs.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import {
  assertPlainTypeError,
  commonRejection,
  dial,
  established,
  exchange,
  isPending,
  MiB,
  readToEnd,
  rejection,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { until } from './support/process.mjs';
import { closer, echo, greeter, halfOpen, pattern, sender, sink } from './support/servers.mjs';

watchDescriptors();

const HELLO = 'gr\u00fc\u00dfe \u{1f600}';

function patternStream(total, size = 50_000) {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      const length = Math.min(size, total - sent);
      if (length === 0) return controller.close();
      controller.enqueue(pattern(length, sent));
      sent += length;
    },
  });
}

describe('the readable', { timeout: 120_000 }, () => {
  test('[E4] is the body of a Response, and closed resolves at its end', async (t) => {
    const socket = dial(t, await served(t, closer(HELLO)));
    assert.equal(await new Response(socket.readable).text(), HELLO);
    await socket.closed;
  });

  test('[E4] is the body of a Request', async (t) => {
    const { readable } = dial(t, await served(t, closer(HELLO)));
    const request = new Request('http://127.0.0.1/', { method: 'POST', body: readable, duplex: 'half' });
    assert.equal(await request.text(), HELLO);
  });

  test('[E4] can be iterated, and closed resolves at its end', async (t) => {
    const socket = dial(t, await served(t, sender(2 * MiB)));
    assert.equal((await readToEnd(socket.readable)).sha256, sha256(pattern(2 * MiB)));
    await socket.closed;
  });

  test('[C8] is cancelled by leaving the loop, while the connection and the writable stay', async (t) => {
    const server = await served(t, greeter('hello'));
    const socket = dial(t, server);
    for await (const chunk of socket.readable) {
      assert.equal(chunk.length, 5);
      break;
    }
    await socket.writable.getWriter().write('still here');
    const log = await server.connection(0);
    await until(() => log.text === 'still here');
    assert.equal(log.ending, null);
    assert.ok(await isPending(socket.closed));
  });

  test('[C8] stays usable after a loop that was told not to cancel', async (t) => {
    const { socket, writer, reader } = await established(t, await served(t, echo()));
    await writer.write('hello');
    reader.releaseLock();
    for await (const chunk of socket.readable.values({ preventCancel: true })) {
      assert.equal(chunk.length, 5);
      break;
    }
    await exchange({ writer, reader: socket.readable.getReader() });
  });

  test('[E4] goes through a TextDecoderStream and a TransformStream', async (t) => {
    const socket = dial(t, await served(t, closer(HELLO)));
    const upper = new TransformStream({
      transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
    });
    const parts = [];
    for await (const part of socket.readable.pipeThrough(new TextDecoderStream()).pipeThrough(upper)) parts.push(part);
    assert.equal(parts.join(''), HELLO.toUpperCase());
    await socket.closed;
  });

  test('[E4] can be split by tee()', async (t) => {
    const socket = dial(t, await served(t, sender(500_000)));
    const received = await Promise.all(socket.readable.tee().map(readToEnd));
    for (const { sha256: hash } of received) assert.equal(hash, sha256(pattern(500_000)));
    await socket.closed;
  });

  test('[E4] can be turned into a stream of Node', async (t) => {
    const socket = dial(t, await served(t, sender(500_000)));
    assert.equal(sha256(await buffer(Readable.fromWeb(socket.readable))), sha256(pattern(500_000)));
    await socket.closed;
  });
});

describe('the writable', { timeout: 120_000 }, () => {
  test('[E4] ends the connection when a pipe into it ends', async (t) => {
    const server = await served(t, sink());
    await patternStream(2 * MiB).pipeTo(dial(t, server).writable);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(2 * MiB)));
  });

  test('[E4] stays open after a pipe that was told not to close it', async (t) => {
    const { socket, writer, reader } = await established(t, await served(t, echo()));
    writer.releaseLock();
    await new Blob(['piped']).stream().pipeTo(socket.writable, { preventClose: true });
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'piped');
    await exchange({ writer: socket.writable.getWriter(), reader });
  });

  test('[E4] takes strings, and the bytes of a TextEncoderStream, from a pipe', async (t) => {
    const server = await served(t, sink());
    const words = () => ReadableStream.from(['gr\u00fc', '\u00dfe ', '\u{1f600}']);
    await words().pipeTo(dial(t, server).writable);
    await words().pipeThrough(new TextEncoderStream()).pipeTo(dial(t, server).writable);
    for (const index of [0, 1]) {
      const log = await server.connection(index);
      await log.ended;
      assert.equal(log.text, HELLO);
    }
  });

  test('[C8] is aborted by an error of the source: no FIN, no reset, and later writes reject with it', async (t) => {
    const { socket, writer, reader, log } = await established(t, await served(t, echo()));
    await exchange({ writer, reader });
    writer.releaseLock();
    const reason = new Error('the source failed');
    const source = new ReadableStream({ pull: (controller) => controller.error(reason) });
    assert.equal(await rejection(source.pipeTo(socket.writable)), reason);
    const next = socket.writable.getWriter();
    assert.equal(await commonRejection({ write: next.write('x'), closed: next.closed }), reason);
    log.socket.write('still there');
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'still there');
    assert.equal(log.ending, null);
  });

  test('[E4] fails a pipe that carries what is no chunk', async (t) => {
    const socket = dial(t, await served(t, sink()));
    assertPlainTypeError(await rejection(ReadableStream.from(['fine', 5]).pipeTo(socket.writable)));
  });

  test('[B2] lets go of a pipe whose signal is aborted', async (t) => {
    const { socket, writer } = await established(t, await served(t, sink()));
    writer.releaseLock();
    const controller = new AbortController();
    const reason = new Error('no more');
    const pipe = new ReadableStream().pipeTo(socket.writable, { signal: controller.signal, preventAbort: true });
    controller.abort(reason);
    assert.equal(await rejection(pipe), reason);
    await socket.writable.getWriter().write('goes on');
  });

  test('[C7] makes a pipe into it fail when close() is called', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    writer.releaseLock();
    const pipe = rejection(new ReadableStream().pipeTo(socket.writable));
    assert.equal(await socket.close(), undefined);
    assertPlainTypeError(await pipe);
    assert.equal(await log.ended, 'FIN');
  });

  test('[E4] can be turned into a stream of Node', async (t) => {
    const server = await served(t, sink());
    await pipeline(Readable.fromWeb(patternStream(MiB)), Writable.fromWeb(dial(t, server).writable));
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(MiB)));
  });
});

describe('both streams', { timeout: 120_000 }, () => {
  test('[E4] of one socket piped together echo all the peer says', async (t) => {
    const server = await served(t, (stream, log) => {
      log.observe(stream);
      stream.end(pattern(3 * MiB));
    });
    const socket = dial(t, server);
    await socket.readable.pipeTo(socket.writable);
    await socket.closed;
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.sha256, sha256(pattern(3 * MiB)));
  });

  test('[E4] of two sockets piped into each other make a proxy', async (t) => {
    const left = await served(t, (stream, log) => {
      log.observe(stream);
      stream.end(pattern(2 * MiB));
    });
    const right = await served(t, halfOpen('the answer'));
    const [a, b] = [dial(t, left), dial(t, right)];
    await Promise.all([a.readable.pipeTo(b.writable), b.readable.pipeTo(a.writable)]);
    await Promise.all([a.closed, b.closed]);
    const logs = [await right.connection(0), await left.connection(0)];
    assert.deepEqual(await Promise.all(logs.map(({ ended }) => ended)), ['FIN', 'FIN']);
    assert.equal(logs[0].sha256, sha256(pattern(2 * MiB)));
    assert.equal(logs[1].text, 'the answer');
  });

  test('[E4] of twenty sockets at once carry what they are given', async (t) => {
    const server = await served(t, echo());
    const received = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { readable, writable } = dial(t, server);
        const [answer] = await Promise.all([readToEnd(readable), patternStream(300_000).pipeTo(writable)]);
        return answer.sha256;
      }),
    );
    assert.deepEqual(new Set(received), new Set([sha256(pattern(300_000))]));
  });

  test('[E6] keep the asynchronous context of whoever awaits them', async (t) => {
    const storage = new AsyncLocalStorage();
    const server = await served(t, echo());
    const contexts = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        storage.run(name, async () => {
          const socket = dial(t, server);
          const seen = [];
          const note = () => seen.push(storage.getStore());
          await socket.opened;
          note();
          const writer = socket.writable.getWriter();
          await writer.write(name);
          note();
          await socket.readable.getReader().read();
          note();
          await socket.close();
          note();
          await socket.closed;
          note();
          return seen.join('');
        }),
      ),
    );
    assert.deepEqual(contexts, ['aaaaa', 'bbbbb', 'ccccc']);
  });

  test('[E4] speak HTTP by hand', async (t) => {
    const server = await served(t, (stream, log) => {
      stream.once('data', () => stream.end('HTTP/1.1 204 No Content\r\n\r\n'));
      log.observe(stream);
    });
    const { readable, writable } = dial(t, server);
    const writer = writable.getWriter();
    await writer.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    assert.match(await text(readable), /^HTTP\/1\.1 204 /);
  });
});
