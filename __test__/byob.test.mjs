// Reading into buffers of the caller's.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertPlainTypeError,
  dial,
  isPending,
  KiB,
  rejection,
  served,
  sha256,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { closer, echo, greeter, halfOpen, pattern, sender, sink } from './support/servers.mjs';

watchDescriptors();

const textOf = ({ value }) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();

async function readerTo(t, handler, options) {
  const socket = dial(t, await served(t, handler), options);
  await socket.opened;
  return { socket, reader: socket.readable.getReader({ mode: 'byob' }) };
}

/** Node has the option since 20.17, and never looks at it before. */
let hasMin = false;
new ReadableStream({ type: 'bytes' }).getReader({ mode: 'byob' }).read(new Uint8Array(1), {
  get min() {
    hasMin = true;
    return 1;
  },
});

describe('a BYOB read', { timeout: 120_000 }, () => {
  test('[E4] detaches the buffer at once, and gives its memory back with the same offset', async (t) => {
    const { reader } = await readerTo(t, greeter('hello'));
    const buffer = new ArrayBuffer(64);
    const read = reader.read(new Uint8Array(buffer, 10, 20));
    assert.equal(buffer.byteLength, 0);
    const { value, done } = await read;
    assert.equal(done, false);
    assert.equal(value.byteOffset, 10);
    assert.equal(value.byteLength, 5);
    assert.equal(value.buffer.byteLength, 64);
    assert.equal(Buffer.from(value).toString(), 'hello');
    const outside = [...new Uint8Array(value.buffer, 0, 10), ...new Uint8Array(value.buffer, 15)];
    assert.ok(
      outside.every((byte) => byte === 0),
      'nothing is written outside the view',
    );
  });

  test('[E4] takes no more than fits, and leaves the rest to the next read', async (t) => {
    const { reader } = await readerTo(t, greeter('abcdefgh'));
    assert.equal(textOf(await reader.read(new Uint8Array(3))), 'abc');
    assert.equal(textOf(await reader.read(new Uint8Array(1))), 'd');
    assert.equal(textOf(await reader.read(new Uint8Array(100))), 'efgh');
  });

  test('[E4] reads a stream of 2 MiB unchanged into one buffer that goes round', async (t) => {
    const { reader } = await readerTo(t, sender(2048 * KiB));
    const chunks = [];
    let buffer = new ArrayBuffer(100_003);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      chunks.push(Buffer.from(value));
      buffer = value.buffer;
    }
    assert.equal(sha256(Buffer.concat(chunks)), sha256(pattern(2048 * KiB)));
  });

  test('[E4] of several that are pending is served in order', async (t) => {
    const { socket, reader } = await readerTo(t, echo());
    const writer = socket.writable.getWriter();
    const reads = [reader.read(new Uint8Array(4)), reader.read(new Uint8Array(4)), reader.read(new Uint8Array(4))];
    await writer.write('aaaabbbbcccc');
    assert.deepEqual((await Promise.all(reads)).map(textOf), ['aaaa', 'bbbb', 'cccc']);
  });

  test('[E4] takes other views, of whole elements', async (t) => {
    const { reader } = await readerTo(t, greeter('abcdefgh'));
    const { value } = await reader.read(new Uint16Array(3));
    assert.equal(value.byteLength, 6);
    assert.equal(textOf({ value }), 'abcdef');
    const view = await reader.read(new DataView(new ArrayBuffer(8)));
    assert.equal(textOf(view), 'gh');
  });

  test('[E4] of an empty view rejects, and the stream goes on', async (t) => {
    const { reader } = await readerTo(t, greeter('hello'));
    assertPlainTypeError(await rejection(reader.read(new Uint8Array(0))));
    assert.equal(textOf(await reader.read(new Uint8Array(8))), 'hello');
  });

  test('[E4] mixes with default reads', async (t) => {
    const { socket, reader } = await readerTo(t, greeter('abcdefgh'));
    assert.equal(textOf(await reader.read(new Uint8Array(3))), 'abc');
    reader.releaseLock();
    const plain = socket.readable.getReader();
    assert.equal(textOf(await plain.read()), 'defgh');
  });

  test('[D4] whose lock is released leaves its bytes to the next reader', async (t) => {
    const { socket, reader } = await readerTo(t, echo());
    const read = reader.read(new Uint8Array(64));
    reader.releaseLock();
    assertPlainTypeError(await rejection(read));
    const writer = socket.writable.getWriter();
    await writer.write('kept');
    const next = socket.readable.getReader({ mode: 'byob' });
    assert.equal(textOf(await next.read(new Uint8Array(64))), 'kept');
  });

  test('[C7] ends with an empty view when the stream is cancelled', async (t) => {
    const { reader } = await readerTo(t, sink());
    const read = reader.read(new Uint8Array(8));
    await reader.cancel();
    const { value, done } = await read;
    assert.equal(done, true);
    // The Streams standard gives undefined for a cancelled stream, the memory being lost.
    assert.equal(value?.byteLength ?? 0, 0);
  });
});

describe('at the end of the stream', { timeout: 120_000 }, () => {
  test('[C1] a BYOB read gives an empty view of its memory, again and again', async (t) => {
    const { socket, reader } = await readerTo(t, closer('bye'));
    assert.equal(textOf(await reader.read(new Uint8Array(8))), 'bye');
    for (let i = 0; i < 3; i++) {
      const { value, done } = await reader.read(new Uint8Array(8));
      assert.equal(done, true);
      assert.ok(value instanceof Uint8Array);
      assert.equal(value.byteLength, 0);
      assert.equal(value.buffer.byteLength, 8);
    }
    assert.equal(await reader.closed, undefined);
    assert.equal(await socket.closed, undefined);
  });

  test('[C1] every BYOB read that is pending ends', async (t) => {
    const { socket, reader } = await readerTo(t, halfOpen(), { allowHalfOpen: true });
    const reads = [1, 2, 3].map(() => reader.read(new Uint8Array(8)));
    assert.ok(await isPending(reads[0]));
    await socket.writable.getWriter().close();
    for (const { value, done } of await Promise.all(reads)) {
      assert.equal(done, true);
      assert.equal(value.byteLength, 0);
    }
  });

  for (const when of ['that has come', 'that is still to come']) {
    test(`[C1] a part of an element rejects the read, and closed resolves all the same, at an end ${when}`, async (t) => {
      const { socket, reader } = await readerTo(t, when === 'that has come' ? closer('abcde') : greeter('abcde'));
      const read = reader.read(new Uint32Array(1));
      assert.equal(textOf(await read), 'abcd');
      const part = reader.read(new Uint32Array(1));
      if (when === 'that is still to come') {
        assert.ok(await isPending(part));
        await socket.writable.getWriter().close();
      }
      assertPlainTypeError(await rejection(part));
      assert.equal(await socket.closed, undefined);
    });
  }
});

describe('a read with a minimum', { timeout: 120_000, skip: !hasMin && 'this Node has no min' }, () => {
  test('[E4] waits for so many bytes', async (t) => {
    const { socket, reader } = await readerTo(t, echo());
    const writer = socket.writable.getWriter();
    const read = reader.read(new Uint8Array(16), { min: 6 });
    await writer.write('abc');
    assert.ok(await isPending(read));
    await writer.write('def');
    assert.equal(textOf(await read), 'abcdef');
  });

  test('[E4] gives at the end what is left, then is done', async (t) => {
    const { socket, reader } = await readerTo(t, closer('abc'));
    const { value } = await reader.read(new Uint8Array(16), { min: 6 });
    assert.equal(Buffer.from(value).toString(), 'abc');
    const { value: rest, done } = await reader.read(new Uint8Array(16), { min: 6 });
    assert.equal(done, true);
    assert.equal(rest.byteLength, 0);
    assert.equal(await socket.closed, undefined);
  });

  test('[E4] of 0, or of more than fits, rejects', async (t) => {
    const { reader } = await readerTo(t, greeter('hello'));
    assert.ok((await rejection(reader.read(new Uint8Array(4), { min: 0 }))) instanceof TypeError);
    assert.ok((await rejection(reader.read(new Uint8Array(4), { min: 5 }))) instanceof Error);
    assert.equal(textOf(await reader.read(new Uint8Array(4), { min: 4 })), 'hell');
  });

  test('[E4] spans many segments', async (t) => {
    const { reader } = await readerTo(t, sender(300_000));
    const { value } = await reader.read(new Uint8Array(300_000), { min: 300_000 });
    assert.equal(sha256(value), sha256(pattern(300_000)));
  });
});
