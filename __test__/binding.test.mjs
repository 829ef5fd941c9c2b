// createBinding(): what it takes and refuses, and that each setting has its effect on the wire or on the descriptor.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as winter from '../index.js';
import { book, dialBound, owned } from './support/bindings.mjs';
import { createAuthority, encryptedKey } from './support/certs.mjs';
import {
  assertSocketError,
  dial,
  flood,
  linuxOnly,
  rejection,
  served,
  sluggish,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { exchange, limit, modes } from './support/extra-tls.mjs';
import { echo, overTls, silent, sink } from './support/servers.mjs';

const { createBinding, connect } = winter;
const PASSPHRASE = 'correct horse battery staple';

watchDescriptors();

let authority;
let elsewhere;
let identity;
let client;
let folder;
before(async () => {
  authority = await createAuthority();
  elsewhere = await createAuthority('Elsewhere');
  const { chain, key } = await authority.issue({ names: ['db.test'] });
  identity = { cert: chain, key };
  client = await authority.issue({ names: ['client.test'], usage: 'client' });
  folder = mkdtempSync(join(tmpdir(), 'binding-'));
});
after(() => rmSync(folder, { recursive: true }));

describe('a binding', limit, () => {
  test('is an object with its own connect, which needs no this and cannot be replaced', async (t) => {
    const binding = createBinding({});
    assert.deepEqual(Object.keys(binding), ['connect']);
    assert.equal(binding.connect.name, 'connect');
    assert.equal(binding.connect.length, 2);
    assert.notEqual(binding.connect, connect);
    assert.throws(() => {
      binding.connect = connect;
    }, TypeError);
    const server = await served(t, echo());
    const { connect: detached } = binding;
    const socket = owned(t, detached(server.address));
    assert.ok(socket instanceof winter.Socket);
    assert.equal(await exchange(socket, 'hello'), 'hello');
  });

  test('checks the arguments of its connect as the plain one does', () => {
    const binding = createBinding({});
    for (const [address, options] of [[''], ['host'], ['host:1', null], ['host:1', { secureTransport: 'no' }]]) {
      assert.throws(() => binding.connect(address, options), TypeError);
    }
  });

  test('shows none of its secrets, and throws none', () => {
    const key = encryptedKey(client.key, PASSPHRASE);
    const tls = { ca: authority.pem, cert: client.chain, key, passphrase: PASSPHRASE };
    const secrets = [PASSPHRASE, key.split('\n')[1], client.key.split('\n')[1], client.cert.split('\n')[1]];
    const shown = inspect(createBinding({ tls }), { depth: Infinity, showHidden: true, getters: true });
    for (const secret of secrets) assert.ok(!shown.includes(secret), shown);
    for (const wrong of [{ passphrase: `not ${PASSPHRASE}` }, { key: client.key.slice(0, 90) }, { cert: 'none' }]) {
      const error = thrownBy({ tls: { ...tls, ...wrong } });
      const told = inspect(error, { depth: Infinity, showHidden: true });
      for (const secret of secrets) assert.ok(!told.includes(secret), told);
    }
  });
});

/** What createBinding throws for a configuration. */
function thrownBy(config) {
  try {
    createBinding(config);
  } catch (error) {
    return error;
  }
  return assert.fail(`accepted ${inspect(config)}`);
}

describe('a configuration that cannot be used is refused when the binding is made', limit, () => {
  const cases = {
    'no object': [() => 'tls', /"config" must be an object; received a string/],
    null: [() => null, /"config" must be an object/],
    nothing: [() => undefined, /"config" must be an object/],
    'an array': [() => [], /"config" must be an object; received an array/],
    'an unknown key': [() => ({ timeOut: 1 }), /"config.timeOut" is no setting; there are tls, network/],
    'TLS settings that are no object': [() => ({ tls: true }), /"config.tls" must be an object; received a boolean/],
    'an unknown TLS setting': [() => ({ tls: { caFile: 'x' } }), /"config.tls.caFile" is no setting/],
    'a setting that is for connections': [() => ({ tls: { host: 'x' } }), /"config.tls.host" is no setting/],
    'a TLS setting that is refused elsewhere': [
      () => ({ tls: { ciphers: 'x' } }),
      /"config.tls.ciphers" is no setting/,
    ],
    'bad PEM': [() => ({ tls: { ca: 'no certificate' } }), /"config.tls.ca" contains no certificate/],
    'a certificate that is cut off': [
      () => ({ tls: { ca: [authority.pem, authority.pem.slice(0, 90)] } }),
      /"config.tls.ca\[1\]" contains a certificate that cannot be parsed/,
    ],
    'a key that does not match': [
      () => ({ tls: { cert: client.cert, key: identity.key } }),
      /"config.tls.key" does not belong to the first certificate of "config.tls.cert"/,
    ],
    'a key without its passphrase': [
      () => ({ tls: { cert: client.cert, key: encryptedKey(client.key, PASSPHRASE) } }),
      /"config.tls.passphrase" is needed by `key`/,
    ],
    'a certificate without its key': [
      () => ({ tls: { cert: client.cert } }),
      /"config.tls.cert" is given without `key`/,
    ],
    'an unknown version': [() => ({ tls: { minVersion: 'SSLv3' } }), /"config.tls.minVersion" must be one of TLSv1,/],
    'verification of another type': [
      () => ({ tls: { rejectUnauthorized: 0 } }),
      /"config.tls.rejectUnauthorized" must be a boolean; received a number/,
    ],
    'a name that cannot be one': [
      () => ({ tls: { servername: 'a..b' } }),
      /"config.tls.servername" cannot be the name/,
    ],
    'a key log that cannot be written': [
      () => ({ tls: { keyLogFile: join(folder, 'no', 'such', 'folder') } }),
      /"config.tls.keyLogFile" cannot be opened: ENOENT/,
    ],
    'a key log of another type': [() => ({ tls: { keyLogFile: true } }), /"config.tls.keyLogFile" must be a string/],
    'a network that is no object': [
      () => ({ network: ['public'] }),
      /"config.network" must be an object; received an array/,
    ],
    'an unknown list': [
      () => ({ network: { permit: [] } }),
      /"config.network.permit" is no setting; there are allow, deny/,
    ],
    'a list that is none': [() => ({ network: { deny: '10.0.0.0/8' } }), /"config.network.deny" must be an array/],
    'an entry of another type': [
      () => ({ network: { allow: ['public', 1] } }),
      /"config.network.allow\[1\]" must be a string/,
    ],
    'a timeout of no time': [() => ({ timeout: 0 }), /"config.timeout" must be a whole number of milliseconds, 1 to/],
    'a fraction': [() => ({ timeout: 1.5 }), /"config.timeout" must be a whole number/],
    'an endless timeout': [() => ({ closeTimeout: Infinity }), /"config.closeTimeout" must be a whole number/],
    'a timeout in words': [() => ({ closeTimeout: '2s' }), /"config.closeTimeout" must be a number; received a string/],
    'probes more often than the kernel can': [
      () => ({ keepAlive: 999 }),
      /"config.keepAlive" must be a whole number of milliseconds, 1000/,
    ],
    'probes in words': [() => ({ keepAlive: 'yes' }), /"config.keepAlive" must be a boolean or a number/],
    'a lookup that is no function': [() => ({ lookup: 'dns' }), /"config.lookup" must be a function/],
    'a lock that is no boolean': [() => ({ lockTls: 1 }), /"config.lockTls" must be a boolean/],
  };
  for (const [what, [config, message]] of Object.entries(cases)) {
    test(`[D7] ${what}`, () => {
      const error = thrownBy(config());
      assert.equal(error.constructor, TypeError);
      assert.match(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/);
      assert.match(error.message, message);
    });
  }
});

for (const { name, secureTransport, wrap } of modes) {
  describe(`tls of a binding, ${name}`, limit, () => {
    /** Opens TLS through a binding, the application giving no settings of its own but what `own` says. */
    const openBound = async (t, config, server, own) => {
      const socket = dialBound(t, { lookup: book(server.host), ...config }, `db.test:${server.port}`, {
        secureTransport,
        tls: own,
      });
      if (secureTransport === 'on') return socket;
      assert.equal(await exchange(socket, 'STARTTLS\n', 'OK\n'), 'OK\n');
      return owned(t, socket.startTls());
    };

    test('[D6] has credentials and trust that the application knows nothing of', async (t) => {
      const server = await served(t, wrap({ ...identity, ca: authority.pem, requestCert: true }, echo()));
      const tls = { ca: authority.pem, cert: client.chain, key: client.key };
      const socket = await openBound(t, { tls }, server);
      assert.equal(await exchange(socket, 'hello'), 'hello');
      const { peerCertificate } = await (await server.connection(0)).secured;
      assert.deepEqual(peerCertificate, new X509Certificate(client.cert).raw);
    });

    test('[D6] is what the settings of the application add to, and win over', async (t) => {
      const server = await served(t, wrap({ ...identity, ALPNProtocols: ['one', 'two'] }, echo()));
      const tls = { ca: elsewhere.pem, alpn: ['one'] };
      const { alpn } = await (await openBound(t, { tls }, server, { ca: authority.pem })).opened;
      assert.equal(alpn, 'one');
      const other = await openBound(t, { tls }, server, { ca: authority.pem, alpn: ['two'] });
      assert.equal((await other.opened).alpn, 'two');
    });

    for (const option of ['expectedServerHostname', 'servername', 'sni']) {
      test(`[D5] may name the server by ${option}, whatever host is dialled`, async (t) => {
        const server = await served(t, wrap(identity, echo()));
        const tls = { ca: authority.pem, [option]: 'db.test' };
        const socket = dialBound(t, { tls }, server, { secureTransport });
        if (secureTransport === 'starttls') assert.equal(await exchange(socket, 'STARTTLS\n', 'OK\n'), 'OK\n');
        await (secureTransport === 'on' ? socket : owned(t, socket.startTls())).opened;
        assert.equal((await (await server.connection(0)).secured).servername, 'db.test');
      });
    }

    test('[D6] fails the handshake with a server of another authority, and nothing leaves', async (t) => {
      const server = await served(t, wrap(identity, sink()));
      const socket = await openBound(t, { tls: { ca: elsewhere.pem } }, server);
      const write = rejection(socket.writable.getWriter().write('secret'));
      const error = await rejection(socket.opened);
      assertSocketError(error, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', syscall: 'handshake' });
      assert.equal(await write, error);
      const log = await server.connection(0);
      await log.closed;
      assert.equal(log.bytes, 0);
    });

    for (const [setting, value, expected] of [
      ['maxVersion', 'TLSv1.2', { tlsVersion: 'TLSv1.2' }],
      ['minVersion', 'TLSv1.3', { tlsVersion: 'TLSv1.3' }],
      ['alpn', ['two'], { alpn: 'two' }],
      ['ALPNProtocols', ['two'], { alpn: 'two' }],
    ]) {
      test(`[D7] ${setting} has its effect`, async (t) => {
        const server = await served(t, wrap({ ...identity, ALPNProtocols: ['one', 'two'] }, echo()));
        const info = await (await openBound(t, { tls: { ca: authority.pem, [setting]: value } }, server)).opened;
        for (const [key, wanted] of Object.entries(expected)) assert.equal(info[key], wanted);
      });
    }

    test('[D7] checkServerIdentity and rejectUnauthorized have their effect', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const refusal = new Error('not this one');
      const checking = { ca: authority.pem, checkServerIdentity: () => refusal };
      assert.equal((await rejection((await openBound(t, { tls: checking }, server)).opened)).cause, refusal);
      const trusting = { ca: elsewhere.pem, rejectUnauthorized: false };
      await (await openBound(t, { tls: trusting }, server)).opened;
    });

    test('the secrets of its sessions are logged where it says so, and nowhere for the variable', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const keyLogFile = join(folder, `keys-${secureTransport}.log`);
      process.env.SSLKEYLOGFILE = join(folder, `unasked-${secureTransport}.log`);
      t.after(() => delete process.env.SSLKEYLOGFILE);
      await (await openBound(t, { tls: { ca: authority.pem } }, server)).opened;
      assert.throws(() => statSync(process.env.SSLKEYLOGFILE), { code: 'ENOENT' });
      await (await openBound(t, { tls: { ca: authority.pem, keyLogFile } }, server)).opened;
      const lines = readFileSync(keyLogFile, 'utf8').trim().split('\n');
      assert.ok(
        lines.some((line) => /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/.test(line)),
        lines.join('\n'),
      );
      assert.equal(statSync(keyLogFile).mode & 0o777, 0o600);
    });

    test('[D2] sessions are resumed within a binding and never from one to another', async (t) => {
      const server = await served(t, wrap({ ...identity, maxVersion: 'TLSv1.2' }, echo()));
      const config = { tls: { ca: authority.pem }, lookup: book(server.host) };
      const resumes = [];
      const [one, other] = [createBinding(config), createBinding(config)];
      for (const binding of [one, one, other]) {
        const socket = binding.connect(`db.test:${server.port}`, { secureTransport });
        if (secureTransport === 'starttls') assert.equal(await exchange(socket, 'STARTTLS\n', 'OK\n'), 'OK\n');
        const secure = secureTransport === 'on' ? socket : socket.startTls();
        assert.equal(await exchange(secure, 'hello'), 'hello');
        resumes.push((await server.connections.at(-1).secured).resumed);
        await secure.close();
      }
      assert.deepEqual(resumes, [false, true, false]);
    });
  });
}

test('keyLogFile in the settings of an application is refused', () => {
  assert.throws(() => connect('127.0.0.1:1', { tls: { keyLogFile: 'keys.log' } }), {
    name: 'TypeError',
    message: /"options.tls.keyLogFile" is not supported: a binding alone/,
  });
});

describe('timeout', limit, () => {
  test('[B2] bounds a connect that nobody answers', { ...linuxOnly }, async (t) => {
    const silentPort = await sluggish(t);
    const socket = dialBound(t, { timeout: 100 }, silentPort);
    const write = rejection(socket.writable.getWriter().write('hello'));
    const error = await rejection(socket.opened);
    const { host: address, port } = silentPort;
    assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'connect', address, port });
    assert.match(error.message, /connect ETIMEDOUT: not done within 100 ms/);
    assert.equal(await rejection(socket.closed), error);
    assert.equal(await write, error);
  });

  test('[B2] bounds a lookup that does not answer', async (t) => {
    const socket = dialBound(t, { timeout: 50, lookup: () => {} }, 'db.test:5432');
    assertSocketError(await rejection(socket.opened), { code: 'ETIMEDOUT', syscall: 'connect' });
  });

  test('[B2] [D1] bounds a handshake that is not answered', async (t) => {
    const server = await served(t, sink());
    const socket = dialBound(t, { timeout: 100 }, server, { secureTransport: 'on' });
    const error = await rejection(socket.opened);
    assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'handshake', address: server.host, port: server.port });
    await (await server.connection(0)).closed;
  });

  test('[B2] [D1] bounds the handshake of an upgrade, from its beginning', async (t) => {
    const server = await served(t, sink());
    const plain = dialBound(t, { timeout: 100 }, server, { secureTransport: 'starttls' });
    await plain.opened;
    const secure = plain.startTls();
    assertSocketError(await rejection(secure.opened), { code: 'ETIMEDOUT', syscall: 'handshake' });
    await plain.closed;
    await (await server.connection(0)).closed;
  });

  test('[B2] bounds a checkServerIdentity that does not answer', async (t) => {
    const server = await served(t, overTls(identity, sink()));
    const tls = { ca: authority.pem, checkServerIdentity: () => new Promise(() => {}) };
    const socket = dialBound(t, { timeout: 200, tls }, server, { secureTransport: 'on' });
    assertSocketError(await rejection(socket.opened), { code: 'ETIMEDOUT', syscall: 'handshake' });
  });

  test('[B2] means nothing to a connection that is up', async (t) => {
    const server = await served(t, echo());
    const socket = dialBound(t, { timeout: 100 }, server);
    await socket.opened;
    // Another one's time runs out meanwhile, which was started later.
    const other = dialBound(t, { timeout: 150, lookup: () => {} }, 'db.test:1');
    assertSocketError(await rejection(other.opened), { code: 'ETIMEDOUT' });
    assert.equal(await exchange(socket, 'hello'), 'hello');
  });
});

describe('closeTimeout', limit, () => {
  test('[C5] is how long close() waits without progress', async (t) => {
    const server = await served(t, silent());
    const bound = dialBound(t, { closeTimeout: 50 }, server);
    const plain = dial(t, server);
    const started = performance.now();
    await Promise.all([bound, plain].map(async (socket) => flood(socket.writable.getWriter(), await socket.opened)));
    assertSocketError(await rejection(bound.close()), { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    await bound.closed;
    const took = performance.now() - started;
    assertSocketError(await rejection(plain.close()), { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    // The other one waits for the two seconds of the default, and began no earlier.
    assert.ok(performance.now() - started - took > 1000, 'the default is longer');
  });
});

describe('keepAlive', { ...limit, ...linuxOnly }, () => {
  /** The timer that the kernel has set for our end: `{ kind, jiffies }`, kind 2 being that of keep-alive (proc_net_tcp). */
  const timerOf = async (socket) => {
    const { localAddress } = await socket.opened;
    const port = Number(localAddress.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .find((each) => each.includes(`0100007F:${port} 0100007F:`) && each.includes(' 01 '));
    const [kind, jiffies] = line.trim().split(/\s+/)[5].split(':');
    return { kind: Number.parseInt(kind, 16), jiffies: Number.parseInt(jiffies, 16) };
  };

  test('[E7] is off unless it is asked for', async (t) => {
    const server = await served(t, sink());
    for (const socket of [dial(t, server), dialBound(t, { keepAlive: false }, server)]) {
      assert.equal((await timerOf(socket)).kind, 0);
    }
  });

  test('[E7] sets when the kernel probes, and true leaves that to the system', async (t) => {
    const server = await served(t, sink());
    const timers = [];
    for (const keepAlive of [10_000, 60_000, true]) {
      timers.push(await timerOf(dialBound(t, { keepAlive }, server)));
    }
    for (const { kind } of timers) assert.equal(kind, 2);
    const [ten, sixty, system] = timers.map(({ jiffies }) => jiffies);
    assert.ok(sixty > 5 * ten && sixty < 7 * ten, `${ten}, ${sixty}`);
    const seconds = Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8'));
    assert.ok(Math.abs(system / ten - seconds / 10) < seconds / 50, `${ten}, ${system}`);
  });
});

describe('lookup', limit, () => {
  test('[D9] of a binding finds its hosts, unless the application brings its own', async (t) => {
    const server = await served(t, sink());
    const lookup = book('127.0.0.1');
    const own = book('127.0.0.1');
    await dialBound(t, { lookup }, `db.test:${server.port}`).opened;
    await dialBound(t, { lookup }, `db.test:${server.port}`, { lookup: own }).opened;
    assert.deepEqual([lookup.calls, own.calls], [1, 1]);
  });
});
