// One name serves for SNI and for verification.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { connect } from '../index.js';
import { createAuthority } from './support/certs.mjs';
import {
  askForTls,
  assertNothingArrived,
  assertSocketError,
  dial,
  failureOf,
  limit,
  modes,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { echo, hasIPv6, overTls, serve, startTls } from './support/servers.mjs';

const WRONG_NAME = { code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: /certificate was refused/ };

watchDescriptors();

let authority;
/** Server credentials by the names in the certificate. */
let named;
before(async () => {
  authority = await createAuthority();
  const issue = async (...names) => {
    const { chain, key } = await authority.issue({ names });
    return { cert: chain, key };
  };
  named = { db: await issue('db.test'), wild: await issue('*.db.test'), ip: await issue('127.0.0.1', '::1') };
});

const trusting = (options) => ({ ca: authority.pem, ...options });

for (const { name, wrap, open } of modes) {
  describe(name, limit, () => {
    for (const [what, hostname, tls, servername] of [
      ['the hostname connected to', 'db.test', {}, 'db.test'],
      ['expectedServerHostname', '127.0.0.1', { expectedServerHostname: 'db.test' }, 'db.test'],
      ['servername', '127.0.0.1', { servername: 'db.test' }, 'db.test'],
      ['sni', '127.0.0.1', { sni: 'db.test' }, 'db.test'],
      ['a name given, before that of the host', 'other.test', { servername: 'db.test' }, 'db.test'],
      [
        'the first of two names that agree',
        '127.0.0.1',
        { expectedServerHostname: 'DB.test', sni: 'db.TEST' },
        'DB.test',
      ],
      ['a name with its case kept', 'Db.Test', {}, 'Db.Test'],
      ['a name without its final dot', '127.0.0.1', { servername: 'db.test.' }, 'db.test'],
      ['servername, then sni', '127.0.0.1', { sni: 'db.TEST', servername: 'dB.test' }, 'dB.test'],
    ]) {
      test(`[D5] SNI and verification use ${what}`, async (t) => {
        const server = await served(t, wrap(named.db, echo()));
        const socket = await open(t, server, trusting(tls), { hostname });
        await socket.opened;
        assert.equal((await (await server.connection(0)).secured).servername, servername);
      });
    }

    for (const [what, hostname, tls, certificate] of [
      ['the hostname connected to', 'other.test', {}, 'db'],
      ['expectedServerHostname', 'db.test', { expectedServerHostname: 'other.test' }, 'db'],
      ['servername', 'db.test', { servername: 'other.test' }, 'db'],
      ['a name under a wildcard, two levels down', 'a.b.db.test', {}, 'wild'],
      ['the parent of a wildcard', 'db.test', {}, 'wild'],
      ['a name where only addresses are certified', 'localhost', {}, 'ip'],
      ['an address where only names are certified', '127.0.0.1', {}, 'db'],
      ['an address given as the name', 'db.test', { servername: '127.0.0.1' }, 'db'],
    ]) {
      test(`[D5] a certificate for another name is refused: ${what}`, async (t) => {
        const server = await served(t, wrap(named[certificate], echo()));
        const socket = await open(t, server, trusting(tls), { hostname });
        assertSocketError(await failureOf(socket), WRONG_NAME);
        await assertNothingArrived(await server.connection(0));
      });
    }

    test('[D5] a name under a wildcard is certified by it', async (t) => {
      const server = await served(t, wrap(named.wild, echo()));
      await (await open(t, server, trusting(), { hostname: 'a.db.test' })).opened;
    });

    test('[D5] an address sends no SNI, and needs its own entry in the certificate', async (t) => {
      const server = await served(t, wrap(named.ip, echo()));
      await (await open(t, server, trusting())).opened;
      await (await open(t, server, trusting({ servername: '127.0.0.1' }), { hostname: 'db.test' })).opened;
      for (const index of [0, 1]) assert.equal((await (await server.connection(index)).secured).servername, null);
    });

    test("[D5] servername '' sends no SNI, and the hostname is verified all the same", async (t) => {
      const server = await served(t, wrap(named.db, echo()));
      await (await open(t, server, trusting({ servername: '' }), { hostname: 'db.test' })).opened;
      assert.equal((await (await server.connection(0)).secured).servername, null);

      const refused = await open(t, server, trusting({ servername: '' }), { hostname: 'other.test' });
      assertSocketError(await failureOf(refused), WRONG_NAME);
      assert.ok(!(await server.connection(1)).wire.head.includes('other.test'));
    });

    test("[D5] servername '' beside expectedServerHostname verifies that name without SNI", async (t) => {
      const server = await served(t, wrap(named.db, echo()));
      await (await open(t, server, trusting({ servername: '', expectedServerHostname: 'db.test' }))).opened;
      assert.equal((await (await server.connection(0)).secured).servername, null);
    });
  });
}

test('[D5] IPv6: no SNI, and the address is verified', { ...limit, skip: !hasIPv6 }, async (t) => {
  const server = await serve(overTls(named.ip, echo()), { hosts: ['::1'] });
  t.after(() => server.close());
  for (const address of [server.address, { hostname: '::1', port: server.port }]) {
    const socket = connect(address, { secureTransport: 'on', tls: trusting() });
    t.after(() => socket.close(new Error('the test is over')));
    await socket.opened;
    assert.equal((await (await server.connection(server.connections.length - 1)).secured).servername, null);
  }
});

test("[D5] the draft's sni option, beside tls, names the server of both modes", limit, async (t) => {
  const direct = await served(t, overTls(named.db, echo()));
  await dial(t, direct, { secureTransport: 'on', sni: 'db.test', tls: trusting() }).opened;
  assert.equal((await (await direct.connection(0)).secured).servername, 'db.test');

  const later = await served(t, startTls({}, overTls(named.db, echo())));
  const plain = dial(t, later, { secureTransport: 'starttls', sni: 'db.test', tls: trusting() });
  await askForTls(plain);
  await upgrade(t, plain).opened;
  assert.equal((await (await later.connection(0)).secured).servername, 'db.test');
});

test('[D5] a name given to startTls() wins over the one given to connect()', limit, async (t) => {
  const server = await served(t, startTls({}, overTls(named.db, echo())));
  const plain = dial(t, server, { secureTransport: 'starttls', tls: trusting({ servername: 'other.test' }) });
  await askForTls(plain);
  await upgrade(t, plain, { expectedServerHostname: 'db.test' }).opened;
  assert.equal((await (await server.connection(0)).secured).servername, 'db.test');
});

describe('names that cannot be used', limit, () => {
  const badNames = [
    ['two names that disagree', { expectedServerHostname: 'a.test', servername: 'b.test' }],
    ['a name and sni that disagree', { servername: 'a.test', sni: 'b.test' }],
    ['a name beside no name', { servername: '', sni: 'b.test' }],
    ['a text that is no name', { servername: 'a b' }],
    ['an empty expectedServerHostname', { expectedServerHostname: '' }],
  ];

  for (const [what, tls] of badNames) {
    test(`[D5] ${what}: connect() throws and opens nothing; startTls() throws and drops the connection`, async (t) => {
      const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
      const server = await served(t, startTls({}, overTls(named.db, echo())));
      assert.throws(() => dial(t, server, { secureTransport: 'on', tls }), refusal);

      const plain = dial(t, server, { secureTransport: 'starttls' });
      await askForTls(plain);
      assert.throws(() => plain.startTls(tls), refusal);
      const log = await server.connection(0);
      await log.closed;
      assert.deepEqual(log.commands, ['STARTTLS']);
      assert.equal(server.connections.length, 1);
    });
  }

  test('[D5] a host that cannot be the name of a TLS server is refused by connect() for "on" alone', async (t) => {
    const server = await served(t, startTls({}, overTls(named.db, echo())));
    const hostname = '-db.test';
    const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: /cannot be the name of a TLS server/ };
    assert.throws(() => dial(t, server, { hostname, secureTransport: 'on', tls: trusting() }), refusal);

    const plain = dial(t, server, { hostname, secureTransport: 'starttls' });
    await askForTls(plain);
    await upgrade(t, plain, trusting({ servername: 'db.test' })).opened;
    assert.equal(server.connections.length, 1);
  });
});
