// What the tests of TLS share: the two ways to a TLS connection, and what every failure of one must look like.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { connect, SocketError } from '../../index.js';
import { Recorder } from './connection-log.mjs';
import { openDescriptors, until } from './process.mjs';
import { overTls, serve, startTls } from './servers.mjs';

/** What the application writes early, and what must not leave when TLS does not come about. */
export const SECRET = 'select * from secrets';

/** For a suite or a test that hangs: a hang is a failure. No test that passes comes near it. */
export const limit = { timeout: 120_000 };

/** At the end of a test file no socket may be left of those that its tests opened. */
export function watchDescriptors() {
  if (process.platform !== 'linux') return;
  let count;
  before(() => {
    count = openDescriptors();
  });
  after(() => until(() => openDescriptors() === count, { what: `the number of sockets falls back to ${count}` }));
}

/** A server that is closed when the test ends. */
export async function served(t, handler, options) {
  const server = await serve(handler, options);
  t.after(() => server.close());
  return server;
}

/** A socket that is dropped when the test ends. `hostname` stands for the server as if a hosts file named it. */
export function dial(t, { host, port }, { hostname = host, ...options } = {}) {
  const lookup = (_name, _options, done) => done(null, [{ address: host, family: 4 }]);
  return owned(t, connect({ hostname, port }, { lookup, ...options }));
}

/** Speaks the line protocol of the support server up to its go-ahead, and lets both streams go. */
export async function askForTls(socket, answer = 'OK\n') {
  assert.equal(await exchange(socket, 'STARTTLS\n', answer), answer);
}

/** Upgrades, and drops the new socket when the test ends. */
export function upgrade(t, socket, options) {
  return owned(t, socket.startTls(options));
}

function owned(t, socket) {
  t.after(() => socket.close(new Error('the test is over')));
  return socket;
}

/**
 * The two ways to TLS: `wrap` puts a handler behind the server's part of it, `unwrap` behind what comes before its
 * handshake; `open` resolves to the TLS socket.
 */
export const modes = [
  {
    name: 'with secureTransport "on"',
    secureTransport: 'on',
    wrap: overTls,
    unwrap: (handler) => handler,
    open: async (t, server, tls, options) => dial(t, server, { secureTransport: 'on', tls, ...options }),
  },
  {
    name: 'after startTls()',
    secureTransport: 'starttls',
    wrap: (options, next) => startTls({}, overTls(options, next)),
    unwrap: (handler) => startTls({}, handler),
    open: async (t, server, tls, options) => {
      const plain = dial(t, server, { secureTransport: 'starttls', ...options });
      await askForTls(plain);
      return upgrade(t, plain, tls);
    },
  },
];

/** Writes, and reads as many bytes as the answer has; both locks are released. */
export async function exchange(socket, message, answer = message) {
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader({ mode: 'byob' });
  try {
    const [{ value }] = await Promise.all([
      reader.read(new Uint8Array(Buffer.byteLength(answer))),
      writer.write(message),
    ]);
    return Buffer.from(value).toString();
  } finally {
    writer.releaseLock();
    reader.releaseLock();
  }
}

/** A class, a code and the fields that a SocketError must have. */
export function assertSocketError(error, expected) {
  const { code, syscall, message, ...fields } = { syscall: 'handshake', message: /./, ...expected };
  assert.ok(error instanceof SocketError, `${error?.stack ?? error} is no SocketError`);
  assert.ok(error instanceof TypeError);
  assert.equal(error.name, 'SocketError');
  assert.match(error.message, /^SocketError: /);
  assert.match(error.message, message);
  assert.equal(error.code, code, error.message);
  assert.equal(error.syscall, syscall, error.message);
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(error[name], value, name);
}

/**
 * Writes and reads on a TLS socket that will not come up; resolves to the one reason with which all of it rejects:
 * `opened`, `closed`, the pending write and read, and both streams.
 */
export async function failureOf(socket) {
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader();
  const { opened, closed } = socket;
  const pending = { opened, closed, write: writer.write(SECRET), read: reader.read() };
  const all = { ...pending, 'reader.closed': reader.closed, 'writer.closed': writer.closed };
  const outcomes = await Promise.allSettled(Object.values(all));
  const [{ reason }] = outcomes;
  for (const [index, name] of Object.keys(all).entries()) {
    assert.equal(outcomes[index].status, 'rejected', `${name} resolved`);
    assert.equal(outcomes[index].reason, reason, `${name} has another reason than opened`);
  }
  await assert.rejects(reader.read(), (error) => error === reason, 'a later read rejects with the same reason');
  await assert.rejects(writer.write(SECRET), (error) => error === reason, 'a later write rejects with the same reason');
  return reason;
}

/** Waits until the server has let the connection go, and says that no byte of the application's came. */
export async function assertNothingArrived(log) {
  await log.closed;
  assert.equal(log.bytes, 0, 'application bytes arrived');
  assert.ok(!log.wire?.head.includes(SECRET), 'application bytes arrived in plaintext');
  if (log.wire?.bytes > 0) assert.equal(log.wire.head[0], 22, 'the first byte is that of a handshake record');
}

/** Says that nothing but a handshake, and perhaps an alert, is among these bytes of TLS. */
export function assertOnlyHandshake(bytes) {
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    assert.ok([20, 21, 22].includes(bytes[at]), `a record of type ${bytes[at]} arrived`);
  }
}

/** The reason with which a promise rejects. */
export async function rejection(promise) {
  return promise.then(
    () => assert.fail('it resolved'),
    (reason) => reason,
  );
}

/** Writes until a write fails: the kernel takes what is written until it knows that the peer has gone. */
export async function failureOfWrites(writer) {
  for (;;) {
    try {
      await writer.write(new Uint8Array(16 * 1024));
    } catch (error) {
      return error;
    }
  }
}

/** A place to wait at: `reach()` says that somebody is there, `open()` lets them go on. */
export function checkpoint() {
  let open;
  let reach;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  const reached = new Promise((resolve) => {
    reach = resolve;
  });
  return { open, opened, reach, reached };
}

/** A handler that holds the client's first bytes back from `next` until `open()`; `reached` resolves with them. */
export function gate(next) {
  const { open, opened, reach, reached } = checkpoint();
  const handler = (stream, log) => {
    stream.once('data', async (bytes) => {
      stream.pause();
      reach(bytes);
      await opened;
      stream.unshift(bytes);
      next(stream, log);
    });
    stream.resume();
  };
  return { handler, open, reached };
}

/** A handler that does something once the client's first bytes have come, and reads on until the client ends. */
export function onFirstBytes(act) {
  return (stream, log) => {
    stream.once('data', (bytes) => act(stream, bytes));
    stream.on('end', () => stream.end());
    log.observe(stream);
  };
}

/** A handler that takes so many bytes of plaintext, then goes on as another; `received` resolves to the record of them. */
export function plainBytes(count, next) {
  const { open: resolve, opened: received } = checkpoint();
  const handler = (stream, log) => {
    const record = new Recorder();
    const take = (chunk) => {
      const rest = chunk.subarray(count - record.bytes);
      record.add(chunk.subarray(0, count - record.bytes));
      if (record.bytes < count) return;
      stream.off('data', take).pause();
      if (rest.length > 0) stream.unshift(rest);
      resolve(record);
      next(stream, log);
    };
    stream.on('data', take).resume();
  };
  return { handler, received };
}

/**
 * A program that looks at nothing but what it reads, at one server after the other, and prints the code of each failure.
 * It takes `{ mode, servers }` as JSON in the variable SERVERS, with `{ port, tls }` of each.
 */
export const onlyReading = `
  import { connect } from 'winter-sockets';
  const { mode, servers } = JSON.parse(process.env.SERVERS);
  for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, (error) => console.log(event, error));
  const read = async (socket) => {
    const reader = socket.readable.getReader();
    return reader.read().finally(() => reader.releaseLock());
  };
  for (const { port, tls } of servers) {
    let socket = connect({ hostname: '127.0.0.1', port }, { secureTransport: mode, tls });
    if (mode === 'starttls') {
      const writer = socket.writable.getWriter();
      await writer.write('STARTTLS\\n');
      writer.releaseLock();
      await read(socket);
      socket = socket.startTls();
    }
    await read(socket).catch((error) => console.log(error.code));
  }`;
