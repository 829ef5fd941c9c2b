// Servers that do not do their half of the handshake, in both ways to TLS.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import {
  assertOnlyHandshake,
  assertSocketError,
  failureOf,
  limit,
  modes,
  onFirstBytes,
  onlyReading,
  SECRET,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { answerer, overTls, resetter, sink } from './support/servers.mjs';

const RESET = { code: 'ECONNRESET' };
const PROTOCOL = { code: 'ERR_SOCKET_TLS_PROTOCOL' };
const record = (type, ...bytes) => Buffer.from([type, 3, 3, bytes.length >> 8, bytes.length & 255, ...bytes]);

watchDescriptors();

let authority;
before(async () => {
  authority = await createAuthority();
});

/** What the server does with the ClientHello, and how it shows. */
const answers = [
  ['plaintext', answerer('HTTP/1.1 400 Bad Request\r\n\r\n'), PROTOCOL],
  ['one line of plaintext', answerer('no\n'), PROTOCOL],
  ['garbage', answerer(Buffer.alloc(64, 0xff)), PROTOCOL],
  ['a record that is too long', answerer(Buffer.from([22, 3, 3, 255, 255])), PROTOCOL],
  ['a handshake message that is none', answerer(record(22, 2, 0, 0, 2, 0, 0)), PROTOCOL],
  ['application data', answerer(record(23, 1, 2, 3)), PROTOCOL],
  ['its own ClientHello', onFirstBytes((socket, hello) => socket.write(hello)), PROTOCOL],
  [
    'a fatal alert',
    answerer(record(21, 2, 40)),
    { code: 'ERR_SOCKET_TLS_ALERT', alert: 40, message: /HandshakeFailure/ },
  ],
  ['an alert unknown to TLS', answerer(record(21, 2, 99)), { code: 'ERR_SOCKET_TLS_ALERT', alert: 99 }],
  ['unrecognized_name', answerer(record(21, 2, 112)), { code: 'ERR_SOCKET_TLS_ALERT', alert: 112 }],
  ['close_notify, then FIN', onFirstBytes((socket) => socket.end(record(21, 1, 0))), RESET],
  ['FIN', onFirstBytes((socket) => socket.end()), RESET],
  ['a piece of a record, then FIN', onFirstBytes((socket) => socket.end(Buffer.from([22, 3, 3]))), RESET],
  ['RST', resetter({ on: 'data' }), RESET],
];

for (const { name, open, unwrap } of modes) {
  describe(name, limit, () => {
    for (const [what, handler, expected] of answers) {
      test(`[D1] [B5] a server that answers with ${what} fails everything, and nothing leaves`, async (t) => {
        const server = await served(t, unwrap(handler));
        const before = openDescriptors();
        const socket = await open(t, server, { ca: authority.pem });
        const error = await failureOf(socket);
        assertSocketError(error, { address: server.host, port: server.port, ...expected });
        const log = await server.connection(0);
        await log.closed;
        assertOnlyHandshake(log.received.head);
        await until(() => openDescriptors() <= before, { what: 'the descriptor is returned' });
      });
    }
  });

  describe(`a server that keeps silent, ${name}`, limit, () => {
    /** A handshake that will never end. */
    async function hanging(t, options) {
      const server = await served(t, unwrap(sink()));
      const socket = await open(t, server, { ca: authority.pem }, options);
      const log = await server.connection(0);
      await until(() => log.bytes > 0, { what: 'the ClientHello arrives' });
      return { socket, log };
    }

    test('[D1] [B3] close() gives up at once when nothing is queued', async (t) => {
      const { socket, log } = await hanging(t);
      const reader = socket.readable.getReader();
      const read = reader.read();
      const closing = socket.close();
      await assert.rejects(socket.opened, (error) => {
        assertSocketError(error, { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN', syscall: error.syscall });
        return true;
      });
      await closing;
      await socket.closed;
      assert.equal((await read).done, true);
      await log.closed;
    });

    test('[B3] close() with a write queued gives up after its time limit, and sends none of it', async (t) => {
      const { socket, log } = await hanging(t);
      const write = socket.writable.getWriter().write(SECRET);
      const failed = assert.rejects(write, { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
      const opened = assert.rejects(socket.opened, { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
      await socket.close().catch(() => {});
      await Promise.all([failed, opened, socket.closed]);
      await log.closed;
      assertOnlyHandshake(log.received.head);
    });

    test('[D1] [B2] a reason given to close() is what everything rejects with', async (t) => {
      const { socket, log } = await hanging(t);
      const reason = new Error('enough');
      const failure = failureOf(socket);
      await socket.close(reason);
      assert.equal(await failure, reason);
      await log.closed;
    });

    test('[D1] [B2] an abort of the signal is what everything rejects with: its reason', async (t) => {
      const controller = new AbortController();
      const { socket, log } = await hanging(t, { signal: controller.signal });
      const failure = failureOf(socket);
      const reason = new Error('enough');
      controller.abort(reason);
      assert.equal(await failure, reason);
      await log.closed;
    });
  });
}

describe('a program', limit, () => {
  for (const { name, secureTransport, unwrap } of modes) {
    test(`[B6] [C6] [D1] that only reads sees each failure in its read, and exits, ${name}`, async (t) => {
      const servers = [];
      for (const [, handler] of answers) servers.push(await served(t, unwrap(handler)));
      const reached = servers.map(({ port }) => ({ port, tls: { ca: authority.pem } }));
      const env = { SERVERS: JSON.stringify({ mode: secureTransport, servers: reached }) };
      const { code, signal, stdout, stderr } = await runNode(inline(onlyReading), { env });
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
      assert.deepEqual(
        stdout.trim().split('\n'),
        answers.map(([, , expected]) => expected.code),
      );
    });
  }

  test('[D1] [C6] [B6] ends when the time limit of its signal ends a handshake', async (t) => {
    const server = await served(t, sink());
    const program = `
      import { connect } from 'winter-sockets';
      const socket = connect('${server.address}', { secureTransport: 'on', signal: AbortSignal.timeout(50) });
      await socket.opened.catch(({ name }) => console.log(name));`;
    const { code, signal, stdout, stderr } = await runNode(inline(program));
    assert.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: 'TimeoutError\n', stderr: '' });
  });

  test('[G6] that fails a hundred handshakes has no more sockets than before', async (t) => {
    const { chain, key } = await (await createAuthority('Unknown')).issue();
    const servers = [
      await served(t, answerer('no\n')),
      await served(t, resetter({ on: 'data' })),
      await served(t, overTls({ cert: chain, key }, sink())),
    ];
    const before = openDescriptors();
    for (let round = 0; round < 34; round++) {
      await Promise.all(
        servers.map(async (server) => {
          const [{ open }] = modes;
          await assert.rejects((await open(t, server, { ca: authority.pem })).opened);
        }),
      );
    }
    await until(() => openDescriptors() <= before, { what: 'the descriptors are returned' });
  });
});
