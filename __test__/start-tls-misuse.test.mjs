// startTls() at the wrong time, on the wrong socket or with the wrong arguments.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SocketError } from '../index.js';
import { createAuthority } from './support/certs.mjs';
import {
  askForTls,
  assertSocketError,
  dial,
  exchange,
  failureOf,
  limit,
  rejection,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { echo, overTls, refusedPort, serve, silent, sink, startTls } from './support/servers.mjs';

const BAD_STATE = { code: 'ERR_SOCKET_BAD_STATE', syscall: undefined };
const starttls = { secureTransport: 'starttls' };

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const trusting = (options) => ({ ca: authority.pem, ...options });
const upgradable = (t) => served(t, startTls({}, overTls(identity, echo())));

/** Synchronously, and as the reference does for misuse. */
function throwsBadState(call) {
  assert.throws(call, (error) => {
    assertSocketError(error, BAD_STATE);
    return true;
  });
}

describe('a socket of another kind', limit, () => {
  test('[D4] secureTransport "off": startTls() throws, and the socket goes on', async (t) => {
    const socket = dial(t, await served(t, echo()));
    throwsBadState(() => socket.startTls());
    await socket.opened;
    throwsBadState(() => socket.startTls({ ca: authority.pem }));
    assert.equal(await exchange(socket, 'hello'), 'hello');
    assert.equal(socket.upgraded, false);
  });

  test('[D4] secureTransport "on": startTls() throws, and the socket goes on', async (t) => {
    const server = await served(t, overTls(identity, echo()));
    const socket = dial(t, server, { secureTransport: 'on', tls: trusting() });
    throwsBadState(() => socket.startTls());
    assert.equal(await exchange(socket, 'hello'), 'hello');
    throwsBadState(() => socket.startTls());
    assert.equal(await exchange(socket, 'again'), 'again');
    assert.equal(socket.upgraded, false);
  });

  test('[D4] the socket that startTls() returned is of the second kind', async (t) => {
    const plain = dial(t, await upgradable(t), starttls);
    await askForTls(plain);
    const secure = upgrade(t, plain, trusting());
    throwsBadState(() => secure.startTls());
    assert.equal(await exchange(secure, 'hello'), 'hello');
    throwsBadState(() => secure.startTls());
  });

  test('[D4] unusable settings change nothing about it: they are not looked at', async (t) => {
    const socket = dial(t, await served(t, echo()));
    throwsBadState(() => socket.startTls('no object'));
    assert.equal(await exchange(socket, 'hello'), 'hello');
  });
});

describe('twice', limit, () => {
  test('[D4] startTls() throws at once and later, and the first upgrade goes on', async (t) => {
    const server = await upgradable(t);
    const plain = dial(t, server, starttls);
    await askForTls(plain);
    const secure = upgrade(t, plain, trusting());
    throwsBadState(() => plain.startTls(trusting()));
    throwsBadState(() => plain.startTls({ ca: 5 }));
    await plain.closed;
    throwsBadState(() => plain.startTls(trusting()));
    await secure.opened;
    throwsBadState(() => plain.startTls(trusting()));
    assert.equal(await exchange(secure, 'hello'), 'hello');
    assert.equal(server.connections.length, 1);
  });
});

describe('a lock that is held', limit, () => {
  const locks = {
    'a reader': (socket) => socket.readable.getReader(),
    'a reader of buffers': (socket) => socket.readable.getReader({ mode: 'byob' }),
    'a writer': (socket) => socket.writable.getWriter(),
    'a reader with a read pending': (socket) => {
      const reader = socket.readable.getReader();
      reader.pending = reader.read();
      reader.pending.catch(() => {});
      return reader;
    },
  };
  for (const [what, lock] of Object.entries(locks)) {
    test(`[D4] ${what}: no throw; the new socket fails as a whole, the old one goes on in plaintext`, async (t) => {
      const server = await upgradable(t);
      const plain = dial(t, server, starttls);
      await plain.opened;
      const held = lock(plain);
      const secure = upgrade(t, plain, trusting());
      assertSocketError(await failureOf(secure), BAD_STATE);
      await secure.close();
      assert.equal(plain.upgraded, false);
      if (held.pending) {
        const writer = plain.writable.getWriter();
        await writer.write('hello\n');
        assert.equal(Buffer.from((await held.pending).value).toString(), 'hello\n');
        writer.releaseLock();
      }
      held.releaseLock();
      assert.equal(await exchange(plain, 'plain\n'), 'plain\n');
      const log = await server.connection(0);
      assert.deepEqual(log.commands.at(-1), 'plain');
      assert.equal(log.wire, null);
    });
  }

  test('[D4] a running pipe holds both: the new socket fails, and the pipe goes on in plaintext', async (t) => {
    const server = await upgradable(t);
    const plain = dial(t, server, starttls);
    const { readable, writable } = new TransformStream();
    const pipe = readable.pipeTo(plain.writable);
    const writer = writable.getWriter();
    writer.write('one\n');
    const secure = upgrade(t, plain, trusting());
    assertSocketError(await failureOf(secure), BAD_STATE);
    writer.write('two\n');
    writer.close();
    await pipe;
    const log = await server.connection(0);
    await log.ended;
    assert.deepEqual(log.commands, ['one', 'two']);
  });

  test('[D4] unusable settings are told all the same', async (t) => {
    const plain = dial(t, await upgradable(t), starttls);
    const reader = plain.readable.getReader();
    assert.throws(() => plain.startTls({ ca: 5 }), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(reader.read(), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('a socket that is over', limit, () => {
  test('[D4] closed: startTls() throws', async (t) => {
    const plain = dial(t, await served(t, sink()), starttls);
    await plain.opened;
    await plain.close();
    await plain.closed;
    throwsBadState(() => plain.startTls(trusting()));
  });

  test('[D4] closing: what was written is still sent, and TLS does not begin', async (t) => {
    const server = await served(t, sink());
    const plain = dial(t, server, starttls);
    plain.writable.getWriter().write('the last word');
    const closed = plain.close();
    assertSocketError(await failureOf(upgrade(t, plain, trusting())), BAD_STATE);
    await closed;
    const log = await server.connection(0);
    await log.ended;
    assert.equal(log.text, 'the last word');
  });

  test('[D4] failed: the new socket fails with the reason of the old one', async (t) => {
    const target = { host: '127.0.0.1', port: await refusedPort() };
    const plain = dial(t, target, starttls);
    const reason = await rejection(plain.opened);
    assertSocketError(reason, { code: 'ECONNREFUSED', syscall: 'connect' });
    assert.equal(await failureOf(upgrade(t, plain, trusting())), reason);
  });

  test('[B1] [D4] failing: an upgrade begun before the connection fails takes both sockets with it', async (t) => {
    const target = { host: '127.0.0.1', port: await refusedPort() };
    const plain = dial(t, target, starttls);
    const secure = upgrade(t, plain, trusting());
    const reason = await failureOf(secure);
    assertSocketError(reason, { code: 'ECONNREFUSED', syscall: 'connect' });
    await assert.rejects(plain.opened, (error) => error === reason);
    await assert.rejects(plain.closed, (error) => error === reason);
    assert.equal(plain.upgraded, false);
  });

  test('[D4] dropped with a reason: the new socket fails with it', async (t) => {
    const plain = dial(t, await upgradable(t), starttls);
    await plain.opened;
    const reason = new Error('enough');
    await plain.close(reason);
    assert.equal(await failureOf(upgrade(t, plain, trusting())), reason);
  });
});

describe('unusable settings', limit, () => {
  const getterError = new Error('from a getter');
  const unusable = {
    'a string': 'yes',
    'a number': 5,
    'a key without a certificate': { key: 'x' },
    'a certificate that is none': { cert: 'x', key: 'y' },
    'trust that is none': { ca: 'no certificate' },
    'a name of another type': { servername: 5 },
    'an option that is not supported': { ciphers: 'ALL' },
    'a getter that throws': {
      get ca() {
        throw getterError;
      },
    },
  };
  for (const [what, options] of Object.entries(unusable)) {
    test(`[D7] [D6] ${what}: startTls() throws a TypeError and drops the connection`, async (t) => {
      const server = await upgradable(t);
      const before = openDescriptors();
      const plain = dial(t, server, starttls);
      await askForTls(plain);
      let thrown;
      assert.throws(
        () => plain.startTls(options),
        (error) => {
          thrown = error;
          assert.ok(!(error instanceof SocketError));
          return what === 'a getter that throws' ? error === getterError : error.constructor === TypeError;
        },
      );
      const log = await server.connection(0);
      await log.closed;
      assert.deepEqual([log.bytes, log.wire?.bytes ?? 0], [0, 0]);
      await until(() => openDescriptors() <= before, { what: 'the descriptor is returned' });
      await assert.rejects(plain.readable.getReader().read(), (error) => error === thrown);
      await assert.rejects(plain.writable.getWriter().write('x'), (error) => error === thrown);
      await assert.rejects(plain.closed, (error) => error === thrown);
      await plain.close();
      assert.equal(plain.upgraded, false);
    });
  }

  test('[D6] [C6] a program that meets them exits, though its server keeps silent', async (t) => {
    const server = await serve(silent());
    t.after(() => server.close());
    const program = `
      import { connect } from 'winter-sockets';
      const socket = connect('${server.address}', { secureTransport: 'starttls' });
      await socket.opened;
      try { socket.startTls({ cert: 'x', key: 'y' }); } catch (error) { console.log(error.name, error.code); }`;
    const { code, signal, stdout, stderr } = await runNode(inline(program));
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    assert.equal(stdout, 'TypeError ERR_INVALID_ARG_VALUE\n');
  });
});
