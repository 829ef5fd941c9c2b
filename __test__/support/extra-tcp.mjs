// What the tests of TCP share.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as dialNode } from 'node:net';
import { after, before } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { connect, SocketError } from '../../index.js';
import { Recorder } from './connection-log.mjs';
import { openDescriptors, until } from './process.mjs';
import { pattern, serve } from './servers.mjs';

export const KiB = 1024;
export const MiB = 1024 * KiB;

/** Descriptors are counted in /proc, and only Linux drops what does not fit the queue of a listener. */
export const linuxOnly = { skip: process.platform !== 'linux' && 'needs Linux' };

/** At the end of a test file no socket may be left of those that its tests opened. */
export function watchDescriptors() {
  if (process.platform !== 'linux') return;
  let count;
  before(() => {
    count = openDescriptors();
  });
  after(() => until(() => openDescriptors() <= count, { what: `the number of sockets falls back to ${count}` }));
}

/** A server that is closed when the test ends. */
export async function served(t, handler, options) {
  const server = await serve(handler, options);
  t.after(() => server.close());
  return server;
}

/** A socket to whatever `connect()` takes, or to a server of `served()`, that is dropped when the test ends. */
export function dial(t, to, options) {
  const socket = connect(to.address ?? to, options);
  t.after(() => socket.close(new Error('the test is over')));
  return socket;
}

/** What a promise rejects with. */
export async function rejection(promise, what = 'the promise') {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: `${what} resolved`, actual: value, expected: 'a rejection' });
}

/** The one reason with which all of these promises reject. */
export async function commonRejection(promises) {
  const entries = Object.entries(promises);
  const reasons = await Promise.all(entries.map(([name, promise]) => rejection(promise, name)));
  for (const [index, [name]] of entries.entries()) {
    assert.equal(reasons[index], reasons[0], `${name} has another reason than ${entries[0][0]}`);
  }
  return reasons[0];
}

/** Whether a promise is still pending after everything that is ready to run has run, `turns` times over. */
export async function isPending(promise, turns = 5) {
  let pending = true;
  const settle = () => {
    pending = false;
  };
  promise.then(settle, settle);
  for (let i = 0; i < turns && pending; i++) await turn();
  return pending;
}

/** The class, the code and the fields of a failure of the network. */
export function assertSocketError(error, { code, ...fields }) {
  assert.ok(error instanceof SocketError, `${error?.stack ?? error} is no SocketError`);
  assert.ok(error instanceof TypeError);
  assert.equal(error.name, 'SocketError');
  assert.match(error.message, /^SocketError: /);
  if (Array.isArray(code)) assert.ok(code.includes(error.code), `${error.code} is none of ${code}`);
  else assert.equal(error.code, code, error.message);
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(error[name], value, name);
}

/** A plain TypeError, as the Streams standard has them: not a failure of the network. */
export function assertPlainTypeError(error) {
  assert.ok(error instanceof TypeError, `${error?.stack ?? error} is no TypeError`);
  assert.ok(!(error instanceof SocketError), `${error.stack} is a SocketError`);
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a stream to its end; `{ bytes, sha256, text, head }`. */
export async function readToEnd(readable) {
  const record = new Recorder();
  for await (const chunk of readable) record.add(chunk);
  return record;
}

/** Reads exactly so many bytes with a default reader, which must bring no more than that. */
export async function readExactly(reader, count) {
  const chunks = [];
  for (let length = 0; length < count; ) {
    const { value, done } = await reader.read();
    assert.equal(done, false, `the stream ended after ${length} of ${count} bytes`);
    chunks.push(value);
    length += value.length;
    assert.ok(length <= count, `${length} bytes came, ${count} were expected`);
  }
  return Buffer.concat(chunks);
}

/** A connection that is up, with a writer and a reader: `{ socket, writer, reader, log }`. */
export async function established(t, server, options) {
  // The port of a connection that was reset may be the next one's, so those that were there before are left out.
  const before = server.connections.length;
  const socket = dial(t, server, options);
  const { localAddress } = await socket.opened;
  const isOurs = ({ peer }) => localAddress.endsWith(`:${peer.port}`);
  const log = await until(() => server.connections.slice(before).find(isOurs), {
    what: 'the server sees the connection',
  });
  return { socket, writer: socket.writable.getWriter(), reader: socket.readable.getReader(), log };
}

/** A message there and back: whatever was under way on loopback before has arrived by then. */
export async function exchange({ writer, reader }, message = 'ping') {
  await writer.write(message);
  assert.equal((await readExactly(reader, Buffer.byteLength(message))).toString(), message);
}

/**
 * Writes more than any kernel takes for a peer that does not read, in pieces and without waiting: the promises of the
 * writes, of which the first settle and the last never do.
 */
export function flood(writer, { total = 64 * MiB, size = 64 * KiB } = {}) {
  const chunk = pattern(size);
  const writes = Array.from({ length: total / size }, () => writer.write(chunk));
  // Whoever floods looks at what becomes of them together.
  for (const write of writes) write.catch(() => {});
  return writes;
}

/** A server on a given port of another address; closed when the test ends. */
export async function servedOn(t, host, port) {
  const peers = new Set();
  const server = createServer((peer) => peers.add(peer.resume().on('error', () => {})));
  await once(server.listen(port, host), 'listening');
  t.after(async () => {
    for (const peer of peers) peer.destroy();
    await once(server.close(), 'close');
  });
}

/**
 * A listener that answers no attempt to connect, because its queue is full and it accepts nobody, until `release()` lets
 * it: `{ host, port, address, release }`. The kernel repeats an attempt after a second.
 */
export async function sluggish(t, host = '127.0.0.1', wanted = 0) {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
    const server = require('node:net').createServer((peer) => peer.resume().on('error', () => {}));
    server.listen({ host: '${host}', port: ${wanted}, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(workerData, 0, 0);
    });`,
    { eval: true, workerData: shared },
  );
  const release = () => {
    Atomics.store(shared, 0, 1);
    Atomics.notify(shared, 0);
  };
  const [port] = await once(worker, 'message');
  // A queue of length n takes n + 1; the listener asks for 1, the least there is.
  const fillers = [dialNode(port, host), dialNode(port, host)];
  await Promise.all(
    fillers.map((filler) =>
      once(
        filler.on('error', () => {}),
        'connect',
      ),
    ),
  );
  t.after(async () => {
    for (const filler of fillers) filler.destroy();
    release();
    await worker.terminate();
  });
  return { host, port, address: `${host.includes(':') ? `[${host}]` : host}:${port}`, release };
}
