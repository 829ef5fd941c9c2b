// A default reader after its first read, by which its reads go past the stock machinery of ReadableStream: what a user sees
// is the same.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { established, exchange, isPending, rejection, served, watchDescriptors } from './support/extra-tcp.mjs';
import { echo, sink } from './support/servers.mjs';

watchDescriptors();

const text = ({ value, done }) => [done, value && Buffer.from(value).toString()];

/** A connection with a reader that has read, and what a test needs of the other end. */
async function reading(t) {
  const server = await served(t, echo());
  const made = await established(t, server);
  await exchange(made);
  return made;
}

describe('reads that wait', { timeout: 120_000 }, () => {
  test('[E3] are answered in their order, one chunk each', async (t) => {
    const { reader, writer } = await reading(t);
    const reads = [reader.read(), reader.read(), reader.read()];
    for (const [i, message] of ['one', 'two', 'three'].entries()) {
      await writer.write(message);
      assert.deepEqual(text(await reads[i]), [false, message]);
    }
  });

  test('[E3] give plain result objects over memory of their own', async (t) => {
    const { reader, writer } = await reading(t);
    await writer.write('four');
    const result = await reader.read();
    assert.deepEqual(Object.keys(result), ['value', 'done']);
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(result.value.constructor, Uint8Array);
    assert.equal(result.value.buffer.byteLength, 4);
  });

  test('[E3] reject with a TypeError when the lock is released, and leave the bytes to the next reader', async (t) => {
    const { socket, reader, writer } = await reading(t);
    const reads = [rejection(reader.read()), rejection(reader.read())];
    reader.releaseLock();
    for (const error of await Promise.all(reads)) {
      assert.deepEqual([error.constructor, error.code], [TypeError, 'ERR_INVALID_STATE']);
    }
    assert.equal((await rejection(reader.read())).constructor, TypeError);
    await writer.write('later');
    assert.deepEqual(text(await socket.readable.getReader().read()), [false, 'later']);
  });

  test('[E3] say done when the stream is cancelled', async (t) => {
    const { reader } = await reading(t);
    const read = reader.read();
    await reader.cancel();
    assert.deepEqual(await read, { value: undefined, done: true });
    assert.deepEqual(await reader.read(), { value: undefined, done: true });
  });

  test('[E3] say done at the end of the stream, each of them', async (t) => {
    const { reader, log } = await reading(t);
    const reads = [reader.read(), reader.read()];
    log.socket.end();
    assert.deepEqual(
      await Promise.all(reads),
      [0, 1].map(() => ({ value: undefined, done: true })),
    );
    assert.equal(await reader.closed, undefined);
  });

  test('[E3] reject with the reason of an abort', async (t) => {
    const { socket, reader } = await reading(t);
    const read = rejection(reader.read());
    const reason = new Error('enough');
    await socket.close(reason);
    assert.equal(await read, reason);
    assert.equal(await rejection(reader.closed), reason);
  });

  test('[E3] wait while nothing comes, and keep nobody else from waiting', async (t) => {
    const { reader } = await reading(t);
    const reads = [reader.read(), reader.read()];
    assert.ok(await isPending(reads[0]));
    assert.ok(await isPending(reads[1]));
  });
});

describe('readers in turn', { timeout: 120_000 }, () => {
  test('[E4] of both kinds get the bytes in order', async (t) => {
    const { socket, reader, writer } = await reading(t);
    reader.releaseLock();
    let expected = 0;
    for (let round = 0; round < 20; round++) {
      await writer.write(Uint8Array.of(2 * round, 2 * round + 1));
      const byob = socket.readable.getReader({ mode: 'byob' });
      assert.equal((await byob.read(new Uint8Array(1))).value[0], expected++);
      byob.releaseLock();
      const plain = socket.readable.getReader();
      assert.equal((await plain.read()).value[0], expected++);
      plain.releaseLock();
    }
  });

  test('[E4] get the part of an element that a reader before them had to leave', async (t) => {
    const { socket, reader, log } = await reading(t);
    reader.releaseLock();
    const byob = socket.readable.getReader({ mode: 'byob' });
    const read = rejection(byob.read(new Uint16Array(1)));
    log.socket.write('a');
    // Whether it has come by then or not makes no difference to what follows.
    assert.ok(await isPending(read, 20));
    byob.releaseLock();
    assert.equal((await read).constructor, TypeError);
    log.socket.write('b');
    const plain = socket.readable.getReader();
    let received = '';
    while (received.length < 2) received += text(await plain.read())[1];
    assert.equal(received, 'ab');
  });

  test('[E4] may be of the stock kind', async (t) => {
    const { socket, reader, writer } = await reading(t);
    reader.releaseLock();
    const stock = new ReadableStreamDefaultReader(socket.readable);
    await writer.write('stock');
    assert.deepEqual(text(await stock.read()), [false, 'stock']);
    assert.throws(() => socket.readable.getReader(), TypeError);
    stock.releaseLock();
    await writer.write('ours');
    assert.deepEqual(text(await socket.readable.getReader().read()), [false, 'ours']);
  });

  test('[E4] are refused options that make no sense, as by any stream', async (t) => {
    const { socket, reader } = await established(t, await served(t, sink()));
    reader.releaseLock();
    for (const options of [{ mode: 'other' }, 5, 'byob']) {
      assert.throws(() => socket.readable.getReader(options), stockError(options));
    }
  });
});

function stockError(options) {
  try {
    new ReadableStream({ type: 'bytes' }).getReader(options);
  } catch ({ name, code }) {
    return { name, code };
  }
  throw new Error('the stock stream took it');
}
