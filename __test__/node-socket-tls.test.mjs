// Node-style sockets and TLS: what they tell of a session, startTls(), and the TLS of Node itself on top of them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { toNodeSocket } from 'winter-sockets/node';
import { connect } from '../index.js';
import { createAuthority } from './support/certs.mjs';
import { MiB, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { record } from './support/node-sockets.mjs';
import { until } from './support/process.mjs';
import { echo, overTls, pattern, sender, serve, silent, sink, startTls } from './support/servers.mjs';

watchDescriptors();

let authority;
let credentials;

before(async () => {
  authority = await createAuthority();
  credentials = await authority.issue();
});

/** A server and the node-style socket to it, both gone when the test ends. */
async function dialled(t, handler, options) {
  const server = await serve(handler);
  const socket = toNodeSocket(connect(server.address, options));
  t.after(() => {
    socket.destroy();
    return server.close();
  });
  return { socket, server };
}

/** One that is up, with the socket below it in the test's hands. */
async function dialledBelow(t, options) {
  const server = await serve(silent());
  t.after(() => server.close());
  const below = connect(server.address, options);
  const socket = toNodeSocket(below);
  await once(socket, 'connect');
  return { below, socket };
}

const trusting = (more) => ({ ca: authority.pem, servername: 'localhost', ...more });
const secure = (more) => ({ secureTransport: 'on', tls: trusting(more) });

describe('a TLS socket', () => {
  for (const [name, serverOptions] of Object.entries({
    'TLS 1.3': {},
    ...Object.fromEntries(
      ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].flatMap((cipher) =>
        ['ECDSA', 'RSA'].map((kind) => [
          `TLS 1.2, ECDHE-${kind}-${cipher}`,
          { maxVersion: 'TLSv1.2', ciphers: `ECDHE-${kind}-${cipher}`, keyType: kind === 'RSA' ? 'RSA-2048' : 'P-256' },
        ]),
      ),
    ),
  })) {
    test(`tells of its session what Node tells: ${name}`, async (t) => {
      const { keyType, ...options } = serverOptions;
      const identity = keyType === 'RSA-2048' ? await authority.issue({ keyType }) : credentials;
      const { socket, server } = await dialled(
        t,
        overTls({ ...identity, ...options, ALPNProtocols: ['other', 'spoken'] }, echo()),
        secure({ ALPNProtocols: ['spoken'] }),
      );
      const { port, host } = server;
      const theirs = connectTls({ host, port, ...trusting({ ALPNProtocols: ['spoken'] }) });
      await Promise.all([once(socket, 'secureConnect'), once(theirs, 'secureConnect')]);
      for (const member of ['encrypted', 'authorized', 'authorizationError', 'alpnProtocol', 'servername']) {
        assert.equal(socket[member], theirs[member], member);
      }
      assert.equal(socket.getProtocol(), theirs.getProtocol());
      // TLS 1.3 lets each of the two libraries prefer another suite.
      if (options.ciphers) assert.deepEqual(socket.getCipher(), theirs.getCipher());
      else assert.match(socket.getCipher().name, /^TLS_/);
      assert.deepEqual({ ...socket.getPeerCertificate() }, { ...theirs.getPeerCertificate() });
      assert.equal(socket.getPeerX509Certificate().fingerprint256, theirs.getPeerX509Certificate().fingerprint256);
      theirs.destroy();
    });
  }

  test('knows nothing before the handshake is done', async (t) => {
    const { socket } = await dialled(t, overTls(credentials, echo()), secure());
    assert.equal(socket.encrypted, true);
    assert.equal(socket.authorized, false);
    assert.equal(socket.alpnProtocol, null);
    assert.equal(socket.servername, null);
    assert.equal(socket.getProtocol(), null);
    assert.equal(socket.getCipher(), undefined);
    assert.equal(socket.getPeerCertificate(), null);
    assert.equal(socket.getPeerX509Certificate(), undefined);
    await once(socket, 'secureConnect');
    assert.equal(socket.alpnProtocol, false);
  });

  test('is not authorized where nobody was verified', async (t) => {
    const { socket } = await dialled(t, overTls(credentials, echo()), secure({ rejectUnauthorized: false, ca: [] }));
    await once(socket, 'secureConnect');
    assert.equal(socket.authorized, false);
  });

  test('fails without ever being connected where the server is not to be trusted', async (t) => {
    const { socket } = await dialled(t, overTls(credentials, echo()), { secureTransport: 'on' });
    const events = record(socket, ['connect', 'ready', 'secureConnect', 'data', 'end', 'close']);
    const told = new Promise((resolve) => socket.write('secret', resolve));
    const [error] = await once(socket, 'error');
    assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    assert.equal(await told, error);
    await until(() => events.length > 0);
    assert.deepEqual(events, [['close', true]]);
  });
});

describe('startTls()', () => {
  const asked = async (socket) => {
    await once(socket, 'connect');
    socket.write('STARTTLS\n');
    assert.equal(String((await once(socket, 'data'))[0]), 'OK\n');
  };
  const starttls = { secureTransport: 'starttls' };

  test('gives the socket to go on with', async (t) => {
    const { socket, server } = await dialled(t, startTls({}, overTls(credentials, echo())), starttls);
    const before = record(socket, ['end', 'error', 'close']);
    await asked(socket);
    const upgraded = socket.startTls(trusting());
    const events = record(upgraded, ['connect', 'ready', 'secureConnect', 'error', 'end', 'close']);
    assert.equal(upgraded.connecting, false);
    assert.equal(upgraded.remotePort, server.port);
    upgraded.write('early ');
    await once(upgraded, 'secureConnect');
    assert.equal(upgraded.authorized, true);
    assert.equal(upgraded.getPeerCertificate().subject.CN, 'localhost');
    upgraded.end('and late');
    assert.equal((await upgraded.toArray()).join(''), 'early and late');
    await until(() => upgraded.destroyed);
    assert.deepEqual(before, [['close', false]]);
    assert.equal(socket.destroyed, true);
    assert.deepEqual(
      events.map(([name]) => name).filter((name) => name !== 'close'),
      ['secureConnect', 'end'],
    );
    const { commands, tls } = await server.connection(0);
    assert.deepEqual(commands, ['STARTTLS']);
    assert.equal(tls.servername, 'localhost');
  });

  test('fails on plaintext that is unread, in the stream as in the socket', async (t) => {
    const { socket, server } = await dialled(
      t,
      startTls({ inject: { text: 'forged' } }, overTls(credentials, sink())),
      starttls,
    );
    await once(socket, 'connect');
    socket.write('STARTTLS\n');
    await until(() => socket.readableLength > 0);
    await until(() => socket.readableLength === 9 || socket.read(0) !== null);
    assert.equal(String(socket.read(3)), 'OK\n');
    assert.equal(socket.readableLength, 6);
    const upgraded = socket.startTls(trusting());
    upgraded.write('secret');
    const [error] = await once(upgraded, 'error');
    assert.equal(error.code, 'ERR_SOCKET_STARTTLS_INJECTION');
    const log = await server.connection(0);
    await log.closed;
    assert.equal(log.text, '');
  });

  test('fails on plaintext that was on its way to the reader', async (t) => {
    const server = await serve(silent());
    const below = connect(server.address, starttls);
    // Between the moment at which a read gets its bytes and the one at which it tells of them.
    let arrive;
    below.readable.getReader = () => ({
      read: () =>
        new Promise((resolve) => {
          arrive = () => resolve({ done: false, value: new TextEncoder().encode('forged') });
        }),
      releaseLock() {},
    });
    const socket = toNodeSocket(below);
    t.after(() => {
      socket.destroy();
      return server.close();
    });
    const events = record(socket, ['data']);
    await once(socket, 'connect');
    const upgraded = socket.startTls(trusting());
    arrive();
    const [error] = await once(upgraded, 'error');
    assert.equal(error.code, 'ERR_SOCKET_STARTTLS_INJECTION');
    assert.deepEqual(events, []);
  });

  test('fails where writes are waiting', async (t) => {
    const { socket } = await dialled(t, silent(), starttls);
    await once(socket, 'connect');
    socket.write(pattern(16 * MiB));
    await until(() => socket.writableLength > 0);
    // Its writes are lost, which it tells itself.
    const lost = once(socket, 'error');
    const upgraded = socket.startTls(trusting());
    const [error] = await once(upgraded, 'error');
    assert.deepEqual(await lost, [error]);
    assert.equal(error.code, 'ERR_SOCKET_BAD_STATE');
    assert.match(error.message, /writes were waiting/);
  });

  test('after the end was sent fails, and leaves no connection behind', async (t) => {
    const { below, socket } = await dialledBelow(t, starttls);
    socket.end();
    await once(socket, 'finish');
    const closed = once(socket, 'close');
    const upgraded = socket.startTls(trusting());
    const [error] = await once(upgraded, 'error');
    assert.equal(error.code, 'ERR_SOCKET_BAD_STATE');
    assert.deepEqual(await closed, [false]);
    await below.closed;
  });

  test('right behind end() fails on the new socket alone', async (t) => {
    const { socket } = await dialled(t, silent(), starttls);
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    socket.end('last words');
    const upgraded = socket.startTls(trusting());
    const [error] = await once(upgraded, 'error');
    assert.equal(error.code, 'ERR_SOCKET_BAD_STATE');
    assert.deepEqual(await closed, [false]);
  });

  test('on a connection that is given up fails on the new socket alone', async (t) => {
    const { below, socket } = await dialledBelow(t, starttls);
    const closed = once(socket, 'close');
    const reason = new Error('from below');
    below.close(reason);
    const upgraded = socket.startTls(trusting());
    assert.deepEqual(await once(upgraded, 'error'), [reason]);
    assert.deepEqual(await closed, [false]);
  });

  test('that the server does not answer by TLS fails on the new socket alone', async (t) => {
    const { socket } = await dialled(t, echo(), starttls);
    const errors = record(socket, ['error']);
    await once(socket, 'connect');
    const upgraded = socket.startTls(trusting());
    const [error] = await once(upgraded, 'error');
    assert.match(error.code, /^ERR_SOCKET_TLS_/);
    await until(() => socket.destroyed);
    assert.deepEqual(errors, []);
  });

  test('by mistake throws, and the socket goes on', async (t) => {
    for (const secureTransport of ['off', 'on']) {
      const handler = secureTransport === 'on' ? overTls(credentials, echo()) : echo();
      const { socket } = await dialled(t, handler, { ...secure(), secureTransport });
      await once(socket, 'connect');
      assert.throws(() => socket.startTls(trusting()), { name: 'SocketError', code: 'ERR_SOCKET_BAD_STATE' });
      socket.end('it goes on');
      assert.equal((await socket.toArray()).join(''), 'it goes on');
      assert.throws(() => socket.startTls(trusting()), { name: 'SocketError', code: 'ERR_SOCKET_BAD_STATE' });
    }
  });

  test('twice throws', async (t) => {
    const { socket } = await dialled(t, startTls({}, overTls(credentials, echo())), starttls);
    await asked(socket);
    const upgraded = socket.startTls(trusting());
    assert.throws(() => socket.startTls(trusting()), { code: 'ERR_SOCKET_BAD_STATE' });
    assert.throws(() => upgraded.startTls(trusting()), { code: 'ERR_SOCKET_BAD_STATE' });
    await once(upgraded, 'secureConnect');
    upgraded.destroy();
    await once(upgraded, 'close');
  });

  test('with settings that cannot be used throws, and gives the connection up', async (t) => {
    const { socket } = await dialled(t, startTls({}, overTls(credentials, echo())), starttls);
    await asked(socket);
    const closed = once(socket, 'close');
    assert.throws(() => socket.startTls({ ca: 'no certificate' }), {
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
    });
    assert.deepEqual(await closed, [false]);
  });
});

test('TLS of Node on top of it is read to its end, however late', async (t) => {
  const { socket } = await dialled(t, overTls(credentials, sender(1000)));
  const theirs = connectTls({ socket, ...trusting() });
  const errors = record(theirs, ['error']);
  theirs.pause();
  await once(theirs, 'readable');
  await once(socket, 'finish');
  const closed = new Promise((resolve) => theirs.on('close', resolve));
  const received = await theirs.toArray();
  assert.equal(Buffer.concat(received).length, 1000);
  assert.equal(await closed, false);
  assert.deepEqual(errors, []);
});

test('TLS of Node works on top of it', async (t) => {
  const { socket, server } = await dialled(t, overTls(credentials, echo()));
  const theirs = connectTls({ socket, ...trusting() });
  theirs.end(pattern(4 * MiB));
  const received = Buffer.concat(await theirs.toArray());
  assert.equal(sha256(received), sha256(pattern(4 * MiB)));
  assert.equal((await server.connection(0)).tls.servername, 'localhost');
});
