// createBinding(): what it takes and refuses, and that each setting has its effect on the wire or on the descriptor.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as winter from '../index.js';
import { book, dialBound, owned } from './support/bindings.mjs';
import { createAuthority, encryptedKey } from './support/certs.mjs';
import { assertSocketError, dial, rejection, served, watchDescriptors } from './support/extra-tcp.mjs';
import { exchange, limit, modes } from './support/extra-tls.mjs';
import { echo, overTls, sink } from './support/servers.mjs';

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
    'a Map': [() => new Map([['lockTls', true]]), /"config" must be an object/],
    'an object of a class': [() => ({ tls: new (class Settings {})() }), /"config.tls" must be an object/],
    'null in place of a setting': [
      () => ({ network: null }),
      /"config.network" must be a value or left out; received null/,
    ],
    'null in place of a list': [
      () => ({ network: { allow: null } }),
      /"config.network.allow" must be a value or left out/,
    ],
    'null in place of a TLS setting': [() => ({ tls: { ca: null } }), /"config.tls.ca" must be a value or left out/],
    'a list with a gap': [() => ({ network: { deny: new Array(1) } }), /"config.network.deny\[0\]" must be a string/],
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
    'a passphrase without a key': [
      () => ({ tls: { passphrase: PASSPHRASE } }),
      /"config.tls.passphrase" is given without `key`/,
    ],
    'a key log that is no file': [
      () => ({ tls: { keyLogFile: folder } }),
      /"config.tls.keyLogFile" is no regular file/,
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

describe('what is slipped into the prototype of every object', limit, () => {
  for (const lockTls of [true, false]) {
    for (const [option, value] of [
      ['rejectUnauthorized', () => false],
      ['ca', () => elsewhere.pem],
      ['checkServerIdentity', () => () => undefined],
      ['keyLogFile', () => join(folder, 'polluted.log')],
    ]) {
      test(`[D7] does not weaken TLS: ${option}, ${lockTls ? 'locked' : 'not locked'}`, async (t) => {
        const { chain, key } = await elsewhere.issue({ names: ['db.test'] });
        const server = await served(t, overTls({ cert: chain, key }, sink()));
        const { connect: bound } = createBinding({ lockTls, lookup: book(server.host), tls: { ca: authority.pem } });
        t.after(() => delete Object.prototype[option]);
        Object.prototype[option] = value();
        const sockets = [undefined, {}, { tls: {} }].map((own) =>
          owned(t, bound(`db.test:${server.port}`, { secureTransport: 'on', ...own })),
        );
        delete Object.prototype[option];
        for (const socket of sockets) {
          assertSocketError(await rejection(socket.opened), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
        }
      });
    }
  }
});

test('[D6] what an array of certificates gives the second time is not what is trusted', async (t) => {
  const { chain, key } = await elsewhere.issue({ names: ['db.test'] });
  const server = await served(t, overTls({ cert: chain, key }, sink()));
  const wanted = (await createAuthority('Wanted')).pem;
  let reads = 0;
  const shifty = Object.defineProperty([0], 0, { get: () => Buffer.from(reads++ === 0 ? wanted : elsewhere.pem) });
  const options = { secureTransport: 'on', lookup: book(server.host) };
  const address = `db.test:${server.port}`;
  for (const tls of [{ ca: shifty }, { ca: Buffer.from(wanted) }]) {
    const socket = owned(t, connect(address, { ...options, tls }));
    assertSocketError(await rejection(socket.opened), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  }
});

test('[D2] sessions of a binding are resumed however many other bindings there are', async (t) => {
  const server = await served(t, overTls({ ...identity, maxVersion: 'TLSv1.2' }, echo()));
  const config = { tls: { ca: authority.pem }, lookup: book(server.host) };
  const bindings = Array.from({ length: 70 }, () => createBinding(config));
  for (const round of [false, true]) {
    for (const binding of bindings) {
      const socket = owned(t, binding.connect(`db.test:${server.port}`, { secureTransport: 'on' }));
      assert.equal(await exchange(socket, 'hello'), 'hello');
      assert.equal((await server.connections.at(-1).secured).resumed, round);
      await socket.close();
    }
  }
});

test('[D4] options that close or upgrade the socket as they are read leave nothing pending', async (t) => {
  const server = await served(t, sink());
  for (const act of [
    (socket) => socket.close(),
    (socket) => owned(t, socket.startTls()),
    (socket) => socket.close(new Error('no')),
  ]) {
    const socket = dial(t, server, { secureTransport: 'starttls' });
    await socket.opened;
    const options = {
      get servername() {
        act(socket);
        return 'db.test';
      },
    };
    const secure = socket.startTls(options);
    const error = await rejection(secure.opened);
    assert.equal(error.code, 'ERR_SOCKET_BAD_STATE');
    assert.equal(await rejection(secure.closed), error);
  }
});

test('keyLogFile in the settings of an application is refused', () => {
  assert.throws(() => connect('127.0.0.1:1', { tls: { keyLogFile: 'keys.log' } }), {
    name: 'TypeError',
    message: /"options.tls.keyLogFile" is not supported: a binding alone/,
  });
});
