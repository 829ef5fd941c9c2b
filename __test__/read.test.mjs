// The readable with a default reader.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertPlainTypeError,
  dial,
  established,
  exchange,
  isPending,
  linuxOnly,
  readExactly,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { closer, echo, greeter, halfOpen, sender, sink } from './support/servers.mjs';

watchDescriptors();

const DONE = { value: undefined, done: true };

const textOf = ({ value }) => Buffer.from(value).toString();

describe('a chunk', { timeout: 120_000 }, () => {
  test('[E4] is a Uint8Array that fills a buffer of its own exactly', async (t) => {
    const { reader } = await established(t, await served(t, sender(1_000_000)));
    const buffers = new Set();
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      const { value } = result;
      assert.equal(value.constructor, Uint8Array);
      assert.ok(value.byteLength > 0 && value.byteLength <= 256 * 1024);
      assert.equal(value.byteOffset, 0);
      assert.equal(value.buffer.byteLength, value.byteLength);
      assert.ok(value.buffer instanceof ArrayBuffer);
      assert.ok(!buffers.has(value.buffer), 'no two chunks share memory');
      buffers.add(value.buffer);
    }
    assert.ok(buffers.size > 1);
  });

  test('[E4] is not touched by later reads', async (t) => {
    const connection = await established(t, await served(t, echo()));
    await connection.writer.write('first');
    const { value } = await connection.reader.read();
    for (let i = 0; i < 10; i++) await exchange(connection, 'other');
    assert.equal(Buffer.from(value).toString(), 'first');
    assert.equal(Buffer.from(value.buffer).toString(), 'first');
  });

  test('[E4] can be transferred away', async (t) => {
    const connection = await established(t, await served(t, echo()));
    await connection.writer.write('first');
    const { value } = await connection.reader.read();
    assert.equal(Buffer.from(structuredClone(value, { transfer: [value.buffer] })).toString(), 'first');
    await exchange(connection);
  });
});

describe('reads', { timeout: 120_000 }, () => {
  test('[E5] may be pending before the connection is up', async (t) => {
    const reader = dial(t, await served(t, greeter('hello'))).readable.getReader();
    assert.equal(textOf(await reader.read()), 'hello');
  });

  test('[E4] that are pending together are served in order', async (t) => {
    const { reader, writer } = await established(t, await served(t, echo()));
    const reads = [reader.read(), reader.read(), reader.read()];
    for (const [index, read] of reads.entries()) {
      assert.ok(await isPending(read));
      await writer.write(`message ${index}`);
      assert.equal(textOf(await read), `message ${index}`);
    }
  });

  test('[C1] tell the end again and again, after all bytes', async (t) => {
    const { reader, socket } = await established(t, await served(t, closer('bye')));
    assert.equal(textOf(await reader.read()), 'bye');
    for (let i = 0; i < 3; i++) assert.deepEqual(await reader.read(), DONE);
    assert.equal(await reader.closed, undefined);
    assert.equal(await socket.closed, undefined);
    reader.releaseLock();
    assert.deepEqual(await socket.readable.getReader().read(), DONE, 'also a reader that comes later');
  });

  test('[C1] that are pending together all end with the stream', async (t) => {
    const { reader, writer } = await established(t, await served(t, halfOpen()), { allowHalfOpen: true });
    const reads = [reader.read(), reader.read(), reader.read()];
    await writer.close();
    assert.deepEqual(await Promise.all(reads), [DONE, DONE, DONE]);
  });

  test('[C7] stay pending while the peer is silent', async (t) => {
    const server = await served(t, echo());
    const silent = await established(t, server);
    const read = silent.reader.read();
    const other = await established(t, server);
    for (let i = 0; i < 20; i++) await exchange(other);
    assert.ok(await isPending(read));
  });
});

describe('releaseLock()', { timeout: 120_000 }, () => {
  test('[D4] rejects a pending read, and its bytes go to the next reader', async (t) => {
    const { socket, reader, writer } = await established(t, await served(t, echo()));
    const read = reader.read();
    reader.releaseLock();
    assertPlainTypeError(await rejection(read));
    await writer.write('for the second');
    const second = socket.readable.getReader();
    assert.equal(textOf(await second.read()), 'for the second');
    second.releaseLock();
  });

  test('[D4] loses no byte that comes while nobody holds the lock', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, echo()));
    const read = reader.read();
    reader.releaseLock();
    await rejection(read);
    for (const part of ['one,', 'two,', 'three']) await writer.write(part);
    await until(() => log.bytes === 13);
    assert.equal((await readExactly(socket.readable.getReader(), 13)).toString(), 'one,two,three');
  });

  test('[D4] leaves what is read ahead to the next reader', async (t) => {
    const { socket, reader } = await established(t, await served(t, sender(500_000)));
    let length = (await reader.read()).value.length;
    reader.releaseLock();
    for await (const chunk of socket.readable) length += chunk.length;
    assert.equal(length, 500_000);
  });
});

describe('cancel()', { timeout: 120_000 }, () => {
  test('[C8] resolves, ends pending reads, sends nothing to the peer, and writing goes on', async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, sink()));
    const read = reader.read();
    assert.equal(await reader.cancel(new Error('no more')), undefined);
    assert.deepEqual(await read, DONE);
    assert.deepEqual(await reader.read(), DONE);
    await writer.write('still here');
    await until(() => log.bytes === 10);
    assert.equal(log.ending, null);
    assert.ok(await isPending(socket.closed));
  });

  test('[C8] and then writer.close() resolves closed and releases the descriptor', linuxOnly, async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, sink()));
    const before = openDescriptors();
    await reader.cancel();
    await writer.write('last');
    await writer.close();
    assert.equal(await socket.closed, undefined);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.text, 'last');
    await until(() => openDescriptors() < before);
  });

  test('[C8] after writer.close() resolves closed and releases the descriptor', linuxOnly, async (t) => {
    const { socket, reader, writer, log } = await established(t, await served(t, sender(100_000, { keepOpen: true })));
    const before = openDescriptors();
    await writer.close();
    assert.ok(await isPending(socket.closed));
    await reader.cancel();
    assert.equal(await socket.closed, undefined);
    assert.equal(await log.ended, 'FIN');
    await until(() => openDescriptors() < before);
  });

  test('[C8] of a stream that is unlocked, and before the connection is up, works as well', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    assert.equal(await socket.readable.cancel(), undefined);
    await socket.writable.getWriter().write('hello');
    await until(() => server.connections[0]?.bytes === 5);
    assert.ok(await isPending(socket.closed));
  });

  test('[C8] and abort() drop the connection', linuxOnly, async (t) => {
    for (const order of ['cancel first', 'abort first']) {
      const { socket, reader, writer, log } = await established(t, await served(t, sink()));
      const before = openDescriptors();
      const calls = [() => reader.cancel(), () => writer.abort(new Error('mine'))];
      if (order === 'abort first') calls.reverse();
      await calls[0]();
      assert.ok(await isPending(socket.closed), order);
      await calls[1]();
      assert.equal(await socket.closed, undefined);
      assert.ok(['FIN', 'ECONNRESET'].includes(await log.ended));
      await until(() => openDescriptors() < before);
    }
  });

  test('[C8] and abort() of a connection that is not up settle opened too', async (t) => {
    const socket = dial(t, await served(t, sink()));
    await Promise.all([socket.readable.cancel(), socket.writable.abort(new Error('mine'))]);
    await rejection(socket.opened);
    assert.equal(await socket.closed, undefined);
  });
});

test('[B6] a program that only reads sees every end by its reads, and nothing unhandled', async (t) => {
  const server = await served(t, closer('bye'));
  const code = `
    import { connect } from 'winter-sockets';
    const report = (what) => (error) => console.log(what, error);
    process.on('unhandledRejection', report('unhandled')).on('uncaughtException', report('uncaught'));
    for await (const chunk of connect('${server.address}').readable) console.log(Buffer.from(chunk).toString());
    const reader = connect('${server.address}').readable.getReader();
    while (!(await reader.read()).done);
    console.log('end');
  `;
  const { code: exit, stdout, stderr } = await runNode(inline(code));
  assert.deepEqual({ exit, stdout, stderr }, { exit: 0, stdout: 'bye\nend\n', stderr: '' });
});
