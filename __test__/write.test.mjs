// The writable: what it takes, and how its writer behaves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  assertPlainTypeError,
  commonRejection,
  dial,
  established,
  exchange,
  flood,
  isPending,
  readExactly,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { until } from './support/process.mjs';
import { echo, sink } from './support/servers.mjs';

watchDescriptors();

const bytes = (...values) => Uint8Array.from(values);

function detached(make) {
  const chunk = make(new ArrayBuffer(8));
  const buffer = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  structuredClone(buffer, { transfer: [buffer] });
  return chunk;
}

function shared(...values) {
  const view = new Uint8Array(new SharedArrayBuffer(values.length));
  view.set(values);
  return view;
}

/** Chunks and what they are on the wire. */
const accepted = [
  ['a Uint8Array', bytes(1, 2, 3), [1, 2, 3]],
  ['a view with an offset', new Uint8Array(bytes(9, 1, 2, 9).buffer, 1, 2), [1, 2]],
  ['a Buffer', Buffer.from('pooled'), [...Buffer.from('pooled')]],
  ['a Uint16Array', new Uint16Array(bytes(1, 2, 3, 4).buffer), [1, 2, 3, 4]],
  [
    'a Float64Array with an offset',
    new Float64Array(bytes(9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8).buffer, 8),
    [1, 2, 3, 4, 5, 6, 7, 8],
  ],
  ['a BigInt64Array', new BigInt64Array(bytes(1, 0, 0, 0, 0, 0, 0, 0).buffer), [1, 0, 0, 0, 0, 0, 0, 0]],
  ['a DataView', new DataView(bytes(9, 1, 2, 9).buffer, 1, 2), [1, 2]],
  ['an ArrayBuffer', bytes(1, 2, 3).buffer, [1, 2, 3]],
  ['a string, as UTF-8', 'h\u00e9\u20ac\u{1f600}', [...Buffer.from('h\u00e9\u20ac\u{1f600}')]],
  ['a lone surrogate, replaced', 'a\ud800b\udc00', [97, 0xef, 0xbf, 0xbd, 98, 0xef, 0xbf, 0xbd]],
  ['an empty string', '', []],
  ['an empty view', bytes(), []],
  ['undefined', undefined, []],
  ['a view of shared memory', shared(1, 2, 3), [1, 2, 3]],
  ['a SharedArrayBuffer', shared(4, 5).buffer, [4, 5]],
  ['a DataView of shared memory', new DataView(shared(6, 7).buffer, 1), [7]],
  ['a detached view', detached((buffer) => new Uint8Array(buffer)), []],
  ['a detached DataView', detached((buffer) => new DataView(buffer)), []],
  ['a detached ArrayBuffer', detached((buffer) => buffer), []],
  ['a view of another realm', runInNewContext('Uint8Array.of(1, 2)'), [1, 2]],
  ['an ArrayBuffer of another realm', runInNewContext('Uint8Array.of(3, 4).buffer'), [3, 4]],
  [
    'shared memory of another realm',
    runInNewContext('const b = new SharedArrayBuffer(2); new Uint8Array(b).set([5, 6]); b'),
    [5, 6],
  ],
];

/** Chunks that are refused. */
const refused = [
  ['a number', 5],
  ['null', null],
  ['a plain object', { length: 1, 0: 1 }],
  ['an array', [1, 2, 3]],
  ['a Blob', new Blob(['x'])],
  ['a symbol', Symbol('x')],
  ['a bigint', 5n],
  ['a boolean', true],
  ['a URLSearchParams', new URLSearchParams('a=b')],
  ['a function', () => 'x'],
];

describe('a chunk', { timeout: 120_000 }, () => {
  for (const [name, chunk, expected] of accepted) {
    test(`[E4] may be ${name}`, async (t) => {
      const { writer, reader } = await established(t, await served(t, echo()));
      assert.equal(await writer.write(chunk), undefined);
      await writer.write(bytes(255));
      assert.deepEqual([...(await readExactly(reader, expected.length + 1))], [...expected, 255]);
    });
  }

  test('[E4] of every kind may be written before the connection is up, and by a stock writer', async (t) => {
    const all = accepted.flatMap(([, , expected]) => expected);
    const server = await served(t, echo());
    for (const getWriter of [(stream) => stream.getWriter(), (stream) => new WritableStreamDefaultWriter(stream)]) {
      const socket = dial(t, server);
      const writer = getWriter(socket.writable);
      const writes = accepted.map(([, chunk]) => writer.write(chunk));
      assert.deepEqual([...(await readExactly(socket.readable.getReader(), all.length))], all);
      await Promise.all(writes);
    }
  });

  for (const [name, chunk] of refused) {
    test(`[E4] that is ${name} rejects its write, and the stream goes on`, async (t) => {
      const connection = await established(t, await served(t, echo()));
      const error = await rejection(connection.writer.write(chunk));
      assertPlainTypeError(error);
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE');
      assert.ok(await isPending(connection.writer.closed));
      await exchange(connection);
    });
  }

  test('[E4] that is refused disturbs no write before or after it', async (t) => {
    const socket = dial(t, await served(t, echo()));
    const writer = socket.writable.getWriter();
    const writes = [writer.write('before '), writer.write({}), writer.write('after')];
    const outcomes = await Promise.allSettled(writes);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal((await readExactly(socket.readable.getReader(), 12)).toString(), 'before after');
  });
});

describe('the bytes of a write', { timeout: 120_000 }, () => {
  test('[E4] are copied inside write(): not detached, and later changes do not show', async (t) => {
    const { writer, reader } = await established(t, await served(t, echo()));
    const chunk = Buffer.from('original');
    const write = writer.write(chunk);
    chunk.fill('x');
    await write;
    assert.equal(chunk.toString(), 'xxxxxxxx');
    assert.equal((await readExactly(reader, 8)).toString(), 'original');
  });

  test('[E4] are copied also while the connection is not up, and while writes wait', async (t) => {
    const server = await served(t, echo());
    const socket = dial(t, server);
    const writer = socket.writable.getWriter();
    const chunk = Buffer.alloc(100_000);
    const writes = [];
    for (let i = 0; i < 20; i++) writes.push(writer.write(chunk.fill(i)));
    chunk.fill(255);
    const received = await readExactly(socket.readable.getReader(), 2_000_000);
    await Promise.all(writes);
    for (let i = 0; i < 20; i++) {
      assert.ok(
        received.subarray(i * 100_000, (i + 1) * 100_000).every((byte) => byte === i),
        `write ${i}`,
      );
    }
  });
});

describe('the writer', { timeout: 120_000 }, () => {
  test('[E4] is a WritableStreamDefaultWriter', async (t) => {
    const { socket, writer } = await established(t, await served(t, sink()));
    assert.ok(writer instanceof WritableStreamDefaultWriter);
    assert.ok(socket.writable.locked);
    assert.throws(() => socket.writable.getWriter(), TypeError);
    await writer.write('the refused lock has changed nothing');
  });

  test('[E4] that was released rejects and throws, and the next one works', async (t) => {
    const { socket, writer, reader } = await established(t, await served(t, echo()));
    writer.releaseLock();
    for (const promise of [writer.write('x'), writer.close(), writer.abort(), writer.ready, writer.closed]) {
      assertPlainTypeError(await rejection(promise));
    }
    assert.throws(() => writer.desiredSize, TypeError);
    await exchange({ writer: socket.writable.getWriter(), reader });
    assertPlainTypeError(await rejection(writer.write('still released')));
  });

  test('[E4] that is released while its writes wait leaves them to go on', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const first = socket.writable.getWriter();
    const write = first.write('first ');
    first.releaseLock();
    const second = socket.writable.getWriter();
    await Promise.all([write, second.write('second'), second.close()]);
    const log = await server.connection(0);
    await log.ended;
    assert.equal(log.text, 'first second');
  });

  test('[C4] that has closed rejects writes and another close', async (t) => {
    const { writer, log } = await established(t, await served(t, sink()));
    const close = writer.close();
    assertPlainTypeError(await rejection(writer.write('late')));
    assertPlainTypeError(await rejection(writer.close()));
    await close;
    assertPlainTypeError(await rejection(writer.write('later')));
    assertPlainTypeError(await rejection(writer.close()));
    assert.equal(await writer.closed, undefined);
    assert.equal(writer.desiredSize, 0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.bytes, 0);
  });

  test('[C5] closes after the writes before it', async (t) => {
    const server = await served(t, sink());
    const writer = dial(t, server).writable.getWriter();
    const order = [];
    const note = (name) => () => order.push(name);
    await Promise.all([
      writer.write('one,').then(note('first')),
      writer.write('two').then(note('second')),
      writer.close().then(note('close')),
    ]);
    assert.deepEqual(order, ['first', 'second', 'close']);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.text, 'one,two');
  });

  test('[E1] keeps the order of 300 unawaited writes of every size', async (t) => {
    const { writer, reader } = await established(t, await served(t, echo()));
    const chunks = Array.from({ length: 300 }, (_, i) => Buffer.alloc((i * 7919) % 40_000, i % 251));
    const order = [];
    const writes = chunks.map((chunk, i) => writer.write(chunk).then(() => order.push(i)));
    const expected = Buffer.concat(chunks);
    assert.ok((await readExactly(reader, expected.length)).equals(expected));
    await Promise.all(writes);
    assert.deepEqual(order, [...chunks.keys()], 'they settle in the same order');
  });
});

describe('abort()', { timeout: 120_000 }, () => {
  const reason = new Error('mine');

  test('[C8] resolves, rejects waiting and later writes, sends neither FIN nor reset, and reading goes on', async (t) => {
    const { socket, writer, reader, log } = await established(t, await served(t, echo()));
    await exchange({ writer, reader });
    assert.equal(await writer.abort(reason), undefined);
    assert.equal(await commonRejection({ write: writer.write('x'), closed: writer.closed }), reason);
    log.socket.write('still there');
    assert.equal((await readExactly(reader, 11)).toString(), 'still there');
    assert.equal(log.ending, null);
    assert.ok(await isPending(socket.closed));
  });

  test('[C8] rejects writes that the peer makes wait, at once', async (t) => {
    const { writer } = await established(t, await served(t, () => {}));
    const writes = flood(writer);
    await writes[0];
    assert.equal(await writer.abort(reason), undefined);
    assert.equal(await rejection(writes.at(-1)), reason);
  });

  test('[C8] before the connection is up rejects the waiting writes, which are never sent', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    const writer = socket.writable.getWriter();
    const write = rejection(writer.write('never'));
    await Promise.all([writer.abort(reason), socket.opened]);
    assert.equal(await write, reason);
    const log = await server.connection(0);
    await socket.readable.cancel();
    assert.ok(['FIN', 'ECONNRESET'].includes(await log.ended));
    assert.equal(log.bytes, 0);
  });

  test('[C8] and then close() resolves, closed too, and the connection is gone', async (t) => {
    const { socket, writer, log } = await established(t, await served(t, sink()));
    await writer.abort(reason);
    assert.equal(await socket.close(), undefined);
    assert.equal(await socket.closed, undefined);
    await until(() => log.ending !== null);
  });
});
