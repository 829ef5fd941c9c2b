// What tools that watch a program see, and what the program's own asynchronous context keeps.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { before, describe, test } from 'node:test';
import { connect } from 'winter-sockets';
import { createAuthority } from './support/certs.mjs';
import { echo, overTls, refusedPort, serve, startTls } from './support/servers.mjs';

const names = ['connect', 'open', 'upgrade', 'error', 'close'];

/** Records the messages of every channel until the test ends, as `[name, message]`. */
function record(t) {
  const seen = [];
  for (const name of names) {
    const listener = (message) => seen.push([name, message]);
    const watched = channel(`winter-sockets:${name}`);
    watched.subscribe(listener);
    t.after(() => watched.unsubscribe(listener));
  }
  return seen;
}

async function served(t, handler) {
  const server = await serve(handler);
  t.after(() => server.close());
  return server;
}

async function exchange(socket, text) {
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader();
  await writer.write(text);
  const { value } = await reader.read();
  writer.releaseLock();
  reader.releaseLock();
  return Buffer.from(value).toString();
}

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

describe('diagnostics channels', () => {
  test('tell of a connection from connect() to close', async (t) => {
    const server = await served(t, echo());
    const seen = record(t);
    const socket = connect(server.address);
    assert.deepEqual(seen, [['connect', { socket, address: server.address }]]);
    const info = await socket.opened;
    await socket.close();
    assert.deepEqual(seen.slice(1), [
      ['open', { socket, info }],
      ['close', { socket }],
    ]);
  });

  test('tell of a failure with the error that rejects', async (t) => {
    const seen = record(t);
    const socket = connect(`127.0.0.1:${await refusedPort()}`);
    const error = await socket.opened.catch((reason) => reason);
    assert.deepEqual(seen.slice(1), [['error', { socket, error }]]);
  });

  test('tell of an upgrade, and then of the socket it made', async (t) => {
    const server = await served(t, startTls({}, overTls(identity, echo())));
    const seen = record(t);
    const socket = connect(`localhost:${server.port}`, { secureTransport: 'starttls' });
    await exchange(socket, 'STARTTLS\n');
    const upgraded = socket.startTls({ ca: authority.pem });
    const info = await upgraded.opened;
    assert.deepEqual(
      seen.map(([name, message]) => [name, message.socket === socket ? 'first' : 'second']),
      [
        ['connect', 'first'],
        ['open', 'first'],
        ['upgrade', 'first'],
        ['close', 'first'],
        ['open', 'second'],
      ],
    );
    assert.equal(seen[2][1].upgraded, upgraded);
    assert.equal(seen[4][1].info, info);
    await upgraded.close();
  });
});

test('an AsyncLocalStorage context survives every promise and stream of a socket', async (t) => {
  const server = await served(t, echo());
  const storage = new AsyncLocalStorage();
  const visit = (id) =>
    storage.run(id, async () => {
      const socket = connect(server.address);
      const contexts = [];
      await socket.opened;
      contexts.push(storage.getStore());
      const writer = socket.writable.getWriter();
      await writer.write(new Uint8Array(1 << 20));
      contexts.push(storage.getStore());
      for await (const _ of socket.readable) {
        contexts.push(storage.getStore());
        break;
      }
      await writer.close();
      contexts.push(storage.getStore());
      await socket.close();
      contexts.push(storage.getStore());
      await socket.closed;
      contexts.push(storage.getStore());
      return contexts;
    });
  const seen = await Promise.all(Array.from({ length: 20 }, (_, id) => visit(id)));
  seen.forEach((contexts, id) => {
    assert.deepEqual(contexts, new Array(6).fill(id));
  });
});
