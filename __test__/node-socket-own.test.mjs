// What a node-style socket has that one of Node has not, or has otherwise.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Socket as NetSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { toNodeSocket } from 'winter-sockets/node';
import { connect, createBinding, SocketError } from '../index.js';
import { linuxOnly, MiB, watchDescriptors } from './support/extra-tcp.mjs';
import { connectedAs, dialAs, kinds, record, servedTo } from './support/node-sockets.mjs';
import { until } from './support/process.mjs';
import { closer, echo, halfOpen, pattern, refusedPort, resetter, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();

const ours = kinds['a node-style socket'];
const dial = (t, to, options) => dialAs(t, ours, to, options);
const established = (t, handler, options) => connectedAs(t, ours, handler, options);
const served = (t, handler) => servedTo(t, ours, handler);

describe('toNodeSocket()', () => {
  test('takes a socket of connect() and nothing else', () => {
    for (const value of [undefined, null, 'localhost:1', {}, new NetSocket(), new Duplex()]) {
      assert.throws(() => toNodeSocket(value), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    }
  });

  test('takes a socket of a binding', async (t) => {
    const { address } = await served(t, echo());
    const socket = toNodeSocket(createBinding({ network: { allow: [address] } }).connect(address));
    socket.end('bound');
    assert.equal((await socket.toArray()).join(''), 'bound');
    const denied = toNodeSocket(createBinding({ network: { allow: ['db.test'] } }).connect(address));
    assert.equal((await once(denied, 'error'))[0].code, 'ERR_SOCKET_POLICY_DENIED');
  });

  test('takes no socket whose streams are in use', async (t) => {
    const server = await served(t, echo());
    for (const use of [
      (socket) => socket.readable.getReader(),
      (socket) => socket.writable.getWriter(),
      toNodeSocket,
    ]) {
      const socket = connect(server.address);
      const used = use(socket);
      used.on?.('error', () => {});
      assert.throws(() => toNodeSocket(socket), { name: 'SocketError', code: 'ERR_SOCKET_BAD_STATE' });
      await socket.close();
    }
  });

  test('goes on with a socket that was used by its streams', async (t) => {
    const socket = connect((await served(t, echo())).address);
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader();
    await writer.write('first');
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'first');
    writer.releaseLock();
    reader.releaseLock();
    const node = toNodeSocket(socket);
    const events = record(node, ['connect', 'ready']);
    // It is up, so it is what a server gets of Node: connected, and without the events of connecting.
    assert.equal(node.connecting, false);
    assert.equal(node.readyState, 'open');
    assert.equal(node.remoteAddress, '127.0.0.1');
    node.end('second');
    assert.equal((await node.toArray()).join(''), 'second');
    assert.deepEqual(events, []);
  });

  test('tells the failure of a socket that had failed before', async (t) => {
    const reason = new Error('given up');
    const socket = connect((await served(t, echo())).address);
    socket.close(reason);
    const node = toNodeSocket(socket);
    assert.equal((await once(node, 'error'))[0], reason);
  });

  test('ends with a socket that is closed already', async (t) => {
    const socket = connect((await served(t, sink())).address);
    await socket.opened;
    await socket.close();
    const node = toNodeSocket(socket).resume();
    const events = record(node, ['connect', 'end', 'error', 'close']);
    await once(node, 'close');
    assert.deepEqual(events, [['end'], ['close', false]]);
  });
});

describe('a socket that is closed from below', () => {
  const names = ['end', 'finish', 'error', 'close'];
  const clean = [['end'], ['finish'], ['close', false]];

  test('ends, taken over while its close() was under way', async (t) => {
    const below = connect((await served(t, sink())).address);
    await below.opened;
    const closing = below.close();
    const socket = toNodeSocket(below).resume();
    const events = record(socket, names);
    await once(socket, 'close');
    assert.deepEqual(events, clean);
    await closing;
  });

  test('ends, whatever it was doing', async (t) => {
    const below = connect((await served(t, sink())).address);
    const socket = toNodeSocket(below).resume();
    const events = record(socket, names);
    await once(socket, 'connect');
    const closing = below.close();
    await once(socket, 'close');
    assert.deepEqual(events, clean);
    await closing;
  });

  test('ends, taken over when its writable was closed', async (t) => {
    for (const isWaitedFor of [true, false]) {
      const { connection, address } = await served(t, halfOpen('answer'));
      const below = connect(address, { allowHalfOpen: true });
      await below.opened;
      const closed = below.writable.close();
      if (isWaitedFor) await closed;
      const socket = toNodeSocket(below);
      const events = record(socket, ['finish', 'error', 'close']);
      socket.end();
      assert.equal((await socket.toArray()).join(''), 'answer');
      await until(() => events.length > 1);
      assert.deepEqual(events, [['finish'], ['close', false]]);
      assert.equal(await (await connection(0)).ended, 'FIN');
    }
  });
});

describe('a falsy reason of an abort', () => {
  for (const reason of [null, 0, '', false]) {
    test(`is told as an error: ${JSON.stringify(reason)}`, async (t) => {
      const controller = new AbortController();
      const { socket } = await established(t, silent(), { signal: controller.signal });
      const events = record(socket, ['close']);
      const failed = once(socket, 'error');
      const told = new Promise((resolve) => socket.write(pattern(16 * MiB), resolve));
      await until(() => socket.writableLength > 0);
      controller.abort(reason);
      for (const error of [await told, (await failed)[0]]) {
        assert.ok(error instanceof Error);
        const { name, code, cause } = error;
        assert.deepEqual({ name, code, cause }, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
      }
      await until(() => events.length > 0);
      assert.deepEqual(events, [['close', true]]);
    });
  }

  test('before the connection is up, and while nothing is written', async (t) => {
    const server = await served(t, silent());
    const early = dial(t, server, { signal: AbortSignal.abort(null) });
    assert.equal((await once(early, 'error'))[0].code, 'ABORT_ERR');
    const controller = new AbortController();
    const idle = dial(t, server, { signal: controller.signal });
    await once(idle, 'connect');
    controller.abort(null);
    assert.equal((await once(idle, 'error'))[0].code, 'ABORT_ERR');
  });
});

describe('a node-style socket', () => {
  test('is a Duplex, and no net.Socket', async (t) => {
    const { socket } = await established(t, echo());
    assert.ok(socket instanceof Duplex);
    assert.equal(socket instanceof NetSocket, false);
    assert.equal(socket.encrypted, undefined);
    assert.equal(socket.server, null);
    assert.equal(socket.getPeerCertificate, undefined);
  });

  test('fails with the SocketError itself', async (t) => {
    const { socket } = await established(t, resetter({ on: 'data' }));
    socket.write('go');
    const [error] = await once(socket, 'error');
    assert.ok(error instanceof SocketError);
    assert.deepEqual({ code: error.code, syscall: error.syscall }, { code: 'ECONNRESET', syscall: 'read' });
  });

  // libuv takes a reset that comes along with bytes for the end of the stream.
  test('tells bytes that came before a reset, and then the reset', async (t) => {
    const { socket } = await established(t, resetter({ on: 'data', text: 'last words' }));
    const events = record(socket, ['data', 'end', 'error', 'close']);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write('go');
    assert.equal(await closed, true);
    assert.deepEqual(
      events.map(([name, told]) => told?.code ?? name),
      ['data', 'ECONNRESET', 'close'],
    );
  });

  test('tells the address it reached by lookup, and the list of what it tried', async (t) => {
    const server = await served(t, echo());
    const lookup = (_hostname, _options, callback) => callback(null, '127.0.0.1', 4);
    const socket = dial(t, { host: 'db.test', port: server.port }, { lookup });
    const events = record(socket, ['lookup', 'connect']);
    await once(socket, 'connect');
    assert.deepEqual(events, [['lookup', null, '127.0.0.1', 4, 'db.test'], ['connect']]);
    assert.deepEqual(socket.autoSelectFamilyAttemptedAddresses, [`127.0.0.1:${server.port}`]);
  });

  test('tells by lookup that there is no address', async (t) => {
    const lookup = (_hostname, _options, callback) => callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    const socket = dial(t, { host: 'nowhere.test', port: 1 }, { lookup });
    const lookups = record(socket, ['lookup']);
    const [error] = await once(socket, 'error');
    assert.deepEqual(lookups, [['lookup', error, undefined, undefined, 'nowhere.test']]);
  });

  test('has no lookup where there is no name', async (t) => {
    const socket = dial(t, await served(t, echo()));
    const lookups = record(socket, ['lookup']);
    await once(socket, 'connect');
    assert.deepEqual(lookups, []);
  });

  test('reads no further than it may while nobody takes what it has', async (t) => {
    const { socket } = await established(t, sender(64 * MiB));
    socket.pause();
    socket.read(0);
    await until(() => socket.readableLength >= socket.readableHighWaterMark);
    assert.ok(socket.readableLength <= 2 * socket.readableHighWaterMark, `${socket.readableLength}`);
  });

  test('hands a large write over in pieces, each of which is activity', async (t) => {
    const { socket } = await established(t, silent());
    const unsent = 64 * MiB;
    socket.write(pattern(unsent));
    const before = process.memoryUsage().external;
    await until(() => socket.writableLength === unsent);
    assert.ok(process.memoryUsage().external - before < 8 * MiB, 'nothing of it is copied ahead');
  });

  test('is destroyed where the connection is given up by the socket below', async (t) => {
    const server = await served(t, echo());
    const below = connect(server.address);
    const socket = toNodeSocket(below);
    await once(socket, 'connect');
    const reason = new Error('from below');
    below.close(reason);
    assert.equal((await once(socket, 'error'))[0], reason);
  });

  test('keeps its addresses and its counts after its end', async (t) => {
    const { socket, server } = await established(t, echo());
    socket.end('12345');
    socket.resume();
    await once(socket, 'close');
    assert.equal(socket.remotePort, server.port);
    assert.equal(socket.bytesRead, 5);
    assert.equal(socket.bytesWritten, 5);
  });

  test('counts only the bytes of the application', async (t) => {
    const { socket } = await established(t, halfOpen('answer'));
    socket.end('ünï');
    await socket.toArray();
    assert.deepEqual([socket.bytesWritten, socket.bytesRead], [5, 6]);
  });

  test('says why it cannot be connected anew or given a type of service', async (t) => {
    const { socket } = await established(t, echo());
    for (const method of ['connect', 'getTypeOfService', 'setTypeOfService']) {
      assert.throws(() => socket[method](1), { code: 'ERR_METHOD_NOT_IMPLEMENTED' });
    }
  });
});

test('a write after the end of the peer is told to its callback, if it has one', async (t) => {
  const { socket } = await established(t, closer('bye'));
  const events = record(socket, ['error', 'close']);
  const told = new Promise((resolve) => socket.once('finish', () => socket.write('late', resolve)));
  socket.resume();
  assert.equal((await told).code, 'EPIPE');
  await until(() => events.length > 0);
  assert.deepEqual(events, [['close', false]]);
});

test('writes that wait when it is destroyed are told so, each of them', async (t) => {
  const { socket } = await established(t, silent());
  const told = [];
  for (let i = 0; i < 4; i++) socket.write(pattern(16 * MiB), (error) => told.push(error?.code));
  socket.destroy();
  await once(socket, 'close');
  await until(() => told.length === 4);
  assert.deepEqual(told, [
    'ERR_STREAM_DESTROYED',
    'ERR_STREAM_DESTROYED',
    'ERR_STREAM_DESTROYED',
    'ERR_STREAM_DESTROYED',
  ]);
});

test('writes to a connection that does not come up are told why, each of them, and then the socket', async (t) => {
  const told = [];
  const refused = dial(t, { host: '127.0.0.1', port: await refusedPort() });
  for (const name of ['first', 'second']) refused.write(name, (error) => told.push([name, error.code]));
  const [error] = await once(refused, 'error');
  assert.deepEqual(told, [
    ['first', error.code],
    ['second', error.code],
  ]);
  const server = await served(t, sink());
  const destroyed = dial(t, server);
  const early = new Promise((resolve) => destroyed.write('early', resolve));
  destroyed.destroy();
  assert.equal((await early).code, 'ERR_SOCKET_CLOSED_BEFORE_OPEN');
});

describe('resetAndDestroy()', () => {
  test('resets a connection that is up', async (t) => {
    const { socket, log } = await established(t, sink());
    assert.equal(socket.resetAndDestroy(), socket);
    const [hadError] = await once(socket, 'close');
    assert.equal(hadError, false);
    assert.equal(await log.ended, 'ECONNRESET');
    assert.equal(socket.resetAndDestroy(), socket);
  });

  test('waits for one that is not', async (t) => {
    const server = await served(t, sink());
    const socket = dial(t, server);
    socket.resetAndDestroy();
    assert.equal(socket.destroyed, false);
    await once(socket, 'close');
    assert.equal(await (await server.connection(0)).ended, 'ECONNRESET');
  });
});

describe('options of the descriptor', linuxOnly, () => {
  /** The timer that the kernel runs for a connection: 2 is keep-alive. */
  const timerOf = ({ localPort, remotePort }) => {
    // Both: connections to different ports may share a local one.
    const [ours, theirs] = [localPort, remotePort].map(
      (port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`,
    );
    const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
    const fields = rows
      .map((row) => row.trim().split(/\s+/))
      .find(([, local, remote]) => local.endsWith(ours) && remote.endsWith(theirs));
    const [kind, when] = fields[5].split(':');
    return { kind: Number(kind), jiffies: Number.parseInt(when, 16) };
  };

  for (const [name, kind] of Object.entries(kinds).filter(([, { isTls }]) => !isTls)) {
    test(`setKeepAlive() of ${name} has its effect, before the connection is up and after`, async (t) => {
      const server = await served(t, echo());
      const socket = kind.open(server);
      t.after(() => socket.destroy());
      socket.setKeepAlive(true, 100_000);
      await once(socket, 'connect');
      const is = (expected, limit) =>
        until(() => {
          const { kind, jiffies } = timerOf(socket);
          return kind === expected && jiffies <= limit;
        });
      await is(2, 100 * 100);
      socket.setKeepAlive(false);
      await is(0, 0);
      socket.setKeepAlive(true, 50_000);
      await is(2, 50 * 100);
    });
  }
});

test('is the same with require()', async () => {
  const { createRequire } = await import('node:module');
  assert.equal(createRequire(import.meta.url)('winter-sockets/node').toNodeSocket, toNodeSocket);
  assert.equal(typeof connect, 'function');
});
