// Every code by a real cause, as far as loopback has one.

import assert from 'node:assert/strict';
import { lookup as systemLookup } from 'node:dns';
import { text } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import { connect, SocketError } from '../index.js';
import { createAuthority } from './support/certs.mjs';
import { documentedCodes } from './support/extra-errors.mjs';
import {
  assertSocketError,
  dial,
  failureOfWrites,
  limit,
  onFirstBytes,
  rejection,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { cases, makeAuthorities, present } from './support/matrix/index.mjs';
import { inline, runNode } from './support/process.mjs';
import {
  answerer,
  blackhole,
  echo,
  greeter,
  hasIPv6,
  overTls,
  refusedPort,
  resetter,
  silent,
  sink,
  truncator,
} from './support/servers.mjs';

const LOOPBACK = '127.0.0.1';

watchDescriptors();

let authority;
let identity;
/** A case of the matrix for each code under which a certificate is refused. */
const refusals = new Map(cases.map((each) => [each.code, each]));
for (const code of [null, 'ERR_SOCKET_TLS_ALERT', 'ERR_SOCKET_TLS_PROTOCOL']) refusals.delete(code);
before(async () => {
  authority = await createAuthority('Root');
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const trusting = (options) => ({ secureTransport: 'on', tls: { ca: authority.pem, ...options } });
const at = ({ host, port }) => ({ address: host, port, message: new RegExp(`${host}:${port}`) });
const lookingUp = (lookup) => rejection(connect('name.test:5', { lookup }).opened);
const named = { address: 'name.test', port: 5, message: /name\.test/ };

/** `[code, what happens, how, the step that failed]`; `how` gives the error and the fields that it must have. */
const causes = [
  ['ENOTFOUND', 'the resolver knows no such name', noSuchName, 'getaddrinfo'],
  [
    'ENOTFOUND',
    'lookup gives no address',
    async () => [await lookingUp((_n, _o, done) => done(null, [])), named],
    'getaddrinfo',
  ],
  ['ENOTFOUND', 'lookup fails without a code', () => failingLookup(new Error('no')), 'getaddrinfo'],
  ['EAI_AGAIN', 'lookup fails with it', () => failingLookup(coded('EAI_AGAIN')), 'getaddrinfo'],
  ['ERR_INVALID_IP_ADDRESS', 'lookup gives a name', badLookup, 'getaddrinfo'],
  ['ECONNREFUSED', 'nobody listens', connectionRefused, 'connect'],
  ['ERR_SOCKET_CLOSED_BEFORE_OPEN', 'close() comes first', closedBeforeOpen, 'connect'],
  ['ERR_SOCKET_CLOSE_TIMEOUT', 'close() waits in vain', closeTimeout, 'shutdown'],
  ['ECONNRESET', 'the server resets', resetInRead, 'read'],
  ['ECONNRESET', 'the server ends before the handshake does', endInHandshake, 'handshake'],
  ['ECONNRESET', 'the server resets before the handshake is done', resetInHandshake, 'handshake'],
  ['EPIPE', 'the server has closed', writeAfterClose, 'write'],
  ['ERR_SOCKET_TLS_TRUNCATED', 'TCP ends under TLS', truncated, 'read'],
  ['ERR_SOCKET_TLS_ALERT', 'the server refuses', alerted, 'handshake'],
  ['ERR_SOCKET_TLS_PROTOCOL', 'the server speaks no TLS', spokenTo, 'handshake'],
  ['ERR_SOCKET_STARTTLS_INJECTION', 'plaintext is unread', injected, 'handshake'],
];

/** These have no cause on loopback, or one that a test elsewhere has. */
const elsewhere = {
  'of calls, in this file': [
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_INVALID_STATE',
    'ERR_SOCKET_BAD_STATE',
  ],
  'in this file': ['EMFILE'],
  'in node-socket-own.test.mjs': ['ERR_METHOD_NOT_IMPLEMENTED', 'ERR_STREAM_DESTROYED'],
  'in network-policy.test.mjs': ['ERR_SOCKET_POLICY_DENIED'],
  'in node-socket.test.mjs': ['ERR_OUT_OF_RANGE'],
  'in package.test.mjs': ['ERR_SOCKET_NATIVE_MISSING'],
  'in native.test.mjs': ['ERR_ACCESS_DENIED', 'ERR_DLOPEN_DISABLED'],
  'without revocation lists': ['CERT_REVOKED'],
  // src/errno.rs and src/resolve.rs have tests of their own.
  'of the resolver': documentedCodes().filter((code) => code.startsWith('EAI_') && code !== 'EAI_AGAIN'),
  'of the system': documentedCodes().filter((code) => /^E[A-Z]+$/.test(code)),
};

for (const [code, what, how, syscall] of causes) {
  test(`[B5] ${code}: ${what}`, limit, async (t) => {
    const [error, fields] = await how(t);
    assertSocketError(error, { code, syscall, ...fields });
    assertPlainData(error);
  });
}

describe('certificates', limit, () => {
  for (const [code, refusal] of refusals) {
    test(`[B5] ${code}: the server's certificate is refused`, async (t) => {
      const { server: options, ca, host } = present(refusal, makeAuthorities());
      const server = await served(t, overTls(options, sink()));
      const socket = dial(t, server, { secureTransport: 'on', tls: { ca, servername: host } });
      const error = await rejection(socket.opened);
      assertSocketError(error, { code, syscall: 'handshake', ...at(server) });
      assertPlainData(error);
    });
  }
});

test('[B5] every code of docs/errors.md has a cause here, or a reason why not', () => {
  const caused = [...causes.map(([code]) => code), ...refusals.keys(), ...Object.values(elsewhere).flat()];
  assert.deepEqual([...new Set(caused)].sort(), documentedCodes());
});

test('[B5] the address is numeric once the name is resolved', limit, async (t) => {
  const server = await served(t, overTls(identity, sink()));
  const error = await rejection(dial(t, server, { hostname: 'localhost', ...trusting({ ca: [] }) }).opened);
  assert.deepEqual([error.address, error.port], [LOOPBACK, server.port]);
});

test('[B4] [B5] a connection refused at every address tells all of them', { ...limit, skip: !hasIPv6 }, async () => {
  const port = await refusedPort();
  const addresses = ['::1', LOOPBACK];
  const lookup = (_name, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: 0 })),
    );
  const error = await rejection(connect({ hostname: 'name.test', port }, { lookup }).opened);
  assertSocketError(error, { code: 'ECONNREFUSED', syscall: 'connect', address: '::1', port });
  assert.deepEqual(
    error.errors,
    addresses.map((address) => ({ address, port, code: 'ECONNREFUSED' })),
  );
  for (const address of [`[::1]:${port}`, `${LOOPBACK}:${port}`]) assert.ok(error.message.includes(address));
});

test('[B5] EMFILE: the process has too many descriptors', {
  ...limit,
  skip: process.platform === 'win32',
}, async (t) => {
  const server = await served(t, silent());
  const program = `
    import { connect } from 'winter-sockets';
    const sockets = Array.from({ length: 100 }, () => connect('${server.address}'));
    const errors = (await Promise.allSettled(sockets.map(({ opened }) => opened))).flatMap(({ reason }) => reason ?? []);
    console.log(JSON.stringify([...new Set(errors.map(({ name, code, syscall }) => [name, code, syscall].join()))]));
    for (const socket of sockets) socket.close().catch(() => {});`;
  const args = ['-c', 'ulimit -n 80 && exec "$@"', 'sh', process.execPath, ...inline(program)];
  const { code, stdout, stderr } = await runNode(args, { node: '/bin/sh' });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.deepEqual(JSON.parse(stdout), ['SocketError,EMFILE,connect']);
});

describe('misuse', limit, () => {
  const calls = [
    ['ERR_INVALID_ARG_TYPE', 'options of another type', () => connect('127.0.0.1:1', 5)],
    ['ERR_INVALID_ARG_VALUE', 'an address without a port', () => connect('127.0.0.1')],
    ['ERR_INVALID_ARG_VALUE', 'an unknown secureTransport', () => connect('127.0.0.1:1', { secureTransport: 'maybe' })],
    ['ERR_INVALID_ARG_TYPE', 'an option of another type', () => connect('127.0.0.1:1', { tls: { servername: 5 } })],
  ];
  for (const [code, what, call] of calls) {
    test(`[B5] ${code}: ${what} throws a plain TypeError`, () => {
      assert.throws(call, { constructor: TypeError, name: 'TypeError', code });
    });
  }

  test('[B5] ERR_INVALID_ARG_TYPE, ERR_INVALID_STATE: writes reject with plain TypeErrors', async (t) => {
    const socket = dial(t, await served(t, echo()));
    const writer = socket.writable.getWriter();
    await assert.rejects(writer.write(5), { constructor: TypeError, code: 'ERR_INVALID_ARG_TYPE' });
    await writer.close();
    await assert.rejects(writer.write('x'), { constructor: TypeError, code: 'ERR_INVALID_STATE' });
  });

  test('[B5] ERR_SOCKET_BAD_STATE: a wrong startTls() is a SocketError without a step', async (t) => {
    const socket = dial(t, await served(t, echo()));
    assert.throws(() => socket.startTls(), {
      constructor: SocketError,
      name: 'SocketError',
      code: 'ERR_SOCKET_BAD_STATE',
    });
  });
});

async function noSuchName() {
  // Two dots in a row: refused before anybody is asked.
  const hostname = 'no..name';
  const { code } = await rejection(promisify(systemLookup)(hostname));
  const error = await rejection(connect({ hostname, port: 5 }).opened);
  assert.equal(error.code, code, 'the code is that of dns.lookup');
  return [error, { address: hostname, port: 5, message: /getaddrinfo ENOTFOUND no\.\.name/ }];
}

async function failingLookup(cause) {
  return [await lookingUp((_name, _options, done) => done(cause)), { ...named, cause }];
}

async function badLookup() {
  const error = await lookingUp((_name, _options, done) => done(null, 'elsewhere.test'));
  assert.equal(error.cause.code, 'ERR_INVALID_IP_ADDRESS');
  return [error, named];
}

async function connectionRefused() {
  const port = await refusedPort();
  const socket = connect({ hostname: LOOPBACK, port });
  const errors = [{ address: LOOPBACK, port, code: 'ECONNREFUSED' }];
  return [await rejection(socket.opened), { ...at({ host: LOOPBACK, port }), errors }];
}

async function closedBeforeOpen(t) {
  const server = await served(t, silent());
  const socket = dial(t, server, trusting());
  socket.close();
  return [await rejection(socket.opened), at(server)];
}

async function closeTimeout(t) {
  const hole = await blackhole();
  t.after(() => hole.close());
  const socket = dial(t, hole);
  const write = socket.writable.getWriter().write('x');
  socket.close();
  return [await rejection(write), at(hole)];
}

async function resetInRead(t) {
  const server = await served(t, resetter({ on: 'data' }));
  const socket = dial(t, server);
  await socket.writable.getWriter().write('x');
  return [await rejection(text(socket.readable)), at(server)];
}

async function handshakeWith(t, handler) {
  const server = await served(t, handler);
  return [await rejection(dial(t, server, trusting()).opened), at(server)];
}

async function endInHandshake(t) {
  return handshakeWith(
    t,
    onFirstBytes((stream) => stream.end()),
  );
}

async function resetInHandshake(t) {
  return handshakeWith(t, resetter({ on: 'data' }));
}

async function writeAfterClose(t) {
  const server = await served(
    t,
    onFirstBytes((stream) => stream.destroy()),
  );
  const writer = dial(t, server).writable.getWriter();
  await writer.write('x');
  await (await server.connection(0)).closed;
  return [await failureOfWrites(writer), at(server)];
}

async function truncated(t) {
  const server = await served(t, overTls(identity, truncator('half a sent')));
  return [await rejection(text(dial(t, server, trusting()).readable)), at(server)];
}

async function alerted(t) {
  const [error, fields] = await handshakeWith(t, answerer(Buffer.from([21, 3, 3, 0, 2, 2, 40])));
  return [error, { ...fields, alert: 40 }];
}

async function spokenTo(t) {
  return handshakeWith(t, answerer('HTTP/1.1 400 Bad Request\r\n\r\n'));
}

async function injected(t) {
  const server = await served(t, greeter('forged', sink()));
  const socket = dial(t, server, { secureTransport: 'starttls' });
  const reader = socket.readable.getReader({ mode: 'byob' });
  await reader.read(new Uint8Array(1));
  reader.releaseLock();
  return [await rejection(upgrade(t, socket).opened), at(server)];
}

function coded(code) {
  return Object.assign(new Error('from the application'), { code });
}

/** What a log shows of it: the message, the stack, and no field but those of docs/errors.md. */
function assertPlainData(error) {
  const fields = ['code', 'syscall', 'address', 'port', 'alert', 'errors', 'cause'];
  for (const name of Object.keys(error)) assert.ok(fields.includes(name), `an unknown field ${name}`);
  assert.ok(inspect(error).includes(error.message));
  assert.ok(error.stack.includes(error.message));
}
