// What the objects look like from outside.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect, Socket, SocketError } from '../index.js';
import { dial, served, watchDescriptors } from './support/extra-tcp.mjs';
import { sink } from './support/servers.mjs';

watchDescriptors();

const getters = ['readable', 'writable', 'opened', 'closed', 'upgraded', 'secureTransport'];
const methods = ['close', 'startTls'];
const additions = ['ref', 'unref', Symbol.asyncDispose];

const descriptorOf = (name) => Object.getOwnPropertyDescriptor(Socket.prototype, name);

describe('the class', () => {
  test('connect is named so and has two parameters', () => {
    assert.equal(connect.name, 'connect');
    assert.equal(connect.length, 2);
  });

  test('Socket cannot be made by anybody else', () => {
    assert.throws(() => new Socket(), { name: 'TypeError', message: 'Illegal constructor' });
    assert.throws(() => new Socket(Symbol('winter-sockets'), {}), {
      name: 'TypeError',
      message: 'Illegal constructor',
    });
    assert.throws(() => Socket(), TypeError);
    assert.throws(() => Reflect.construct(Socket, [], Object), { name: 'TypeError', message: 'Illegal constructor' });
  });

  test('the members of the API are getters without setters and methods, enumerable and configurable', () => {
    for (const name of getters) {
      const { get, set, enumerable, configurable } = descriptorOf(name);
      assert.equal(typeof get, 'function', name);
      assert.equal(set, undefined, name);
      assert.ok(enumerable && configurable, name);
    }
    for (const name of methods) {
      const { value, enumerable, configurable, writable } = descriptorOf(name);
      assert.equal(typeof value, 'function', name);
      assert.equal(value.name, name);
      assert.equal(value.length, 0, name);
      assert.ok(enumerable && configurable && writable, name);
    }
  });

  test('what is not of the API is not enumerable', () => {
    for (const name of additions) {
      assert.equal(typeof descriptorOf(name).value, 'function', String(name));
      assert.equal(descriptorOf(name).enumerable, false, String(name));
    }
    assert.deepEqual(Object.keys(Socket.prototype).sort(), [...getters, ...methods].sort());
  });

  test('a member with the wrong this throws a TypeError at once', () => {
    for (const wrong of [{}, Object.create(Socket.prototype), undefined, 5]) {
      for (const name of getters) assert.throws(() => descriptorOf(name).get.call(wrong), TypeError, name);
      for (const name of [...methods, 'ref', 'unref']) {
        assert.throws(() => descriptorOf(name).value.call(wrong), TypeError, name);
      }
    }
  });

  test('SocketError is a TypeError', () => {
    assert.equal(Object.getPrototypeOf(SocketError), TypeError);
    assert.equal(SocketError.prototype.name, 'SocketError');
  });
});

describe('a socket', () => {
  test('is an instance of Socket, tagged so, without properties of its own', async (t) => {
    const socket = dial(t, await served(t, sink()));
    assert.ok(socket instanceof Socket);
    assert.equal(socket.constructor.name, 'Socket');
    assert.equal(Object.prototype.toString.call(socket), '[object Socket]');
    assert.deepEqual(Reflect.ownKeys(socket), []);
    assert.equal(JSON.stringify(socket), '{}');
    assert.equal(socket.upgraded, false);
    assert.equal(socket.secureTransport, 'off');
  });

  test('gives the same stream or promise each time it is asked', async (t) => {
    const socket = dial(t, await served(t, sink()));
    for (const name of ['readable', 'writable', 'opened', 'closed']) assert.equal(socket[name], socket[name], name);
  });

  test('has real streams, unlocked at first', async (t) => {
    const { readable, writable } = dial(t, await served(t, sink()));
    assert.ok(readable instanceof ReadableStream);
    assert.ok(writable instanceof WritableStream);
    assert.equal(readable.locked, false);
    assert.equal(writable.locked, false);
  });

  test('gives a promise of its own for each close(), never the one in closed', async (t) => {
    const socket = dial(t, await served(t, sink()));
    const promises = [socket.closed, socket.close(), socket.close()];
    assert.equal(new Set(promises).size, 3);
    assert.deepEqual(await Promise.all(promises), [undefined, undefined, undefined]);
    assert.ok(!promises.includes(socket.close()), 'also once it is closed');
  });

  test('refuses assignment to a member in strict code, and takes properties of the user', async (t) => {
    const socket = dial(t, await served(t, sink()));
    for (const name of getters) {
      assert.throws(() => {
        socket[name] = 1;
      }, TypeError);
    }
    socket.tag = 'mine';
    assert.equal(socket.tag, 'mine');
  });

  test('tells secureTransport as it was asked for', async (t) => {
    const server = await served(t, sink());
    assert.equal(dial(t, server, { secureTransport: 'starttls' }).secureTransport, 'starttls');
  });

  test('gives itself back from ref() and unref()', async (t) => {
    const socket = dial(t, await served(t, sink()));
    assert.equal(socket.unref(), socket);
    assert.equal(socket.ref(), socket);
  });
});

describe('connect()', () => {
  test('throws at once for arguments that cannot be used, and opens nothing', async (t) => {
    const server = await served(t, sink());
    for (const args of [
      [],
      [null],
      [`127.0.0.1`],
      [server.address, null],
      [server.address, { secureTransport: 'ON' }],
    ]) {
      assert.throws(() => connect(...args), TypeError);
    }
    const socket = dial(t, server);
    const { peer } = await server.connection(0);
    assert.equal((await socket.opened).localAddress, `${peer.address}:${peer.port}`, 'the first one that came');
  });
});
