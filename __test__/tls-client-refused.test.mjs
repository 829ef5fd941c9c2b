// Client certificates that a server refuses, and how that is told: by a real PostgreSQL, which says why by an alert, and by
// Node's server, which drops the connection without a word.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createAuthority, inDays } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  dial,
  exchange,
  failureOf,
  failureOfWrites,
  limit,
  modes,
  rejection,
  SECRET,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { startPostgres } from './support/postgres.mjs';
import { sink } from './support/servers.mjs';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'];
const NAMES = ['localhost', '127.0.0.1', '::1'];
/** What a PostgreSQL client asks for TLS with. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

watchDescriptors();

let authority;
let identity;
/** Certificates of clients, by what is wrong with them. */
const clients = {};
before(async () => {
  authority = await createAuthority('Root');
  const { chain, key } = await authority.issue({ names: NAMES });
  identity = { cert: chain, key };
  const usage = 'client';
  clients['by an unknown authority'] = await (await createAuthority('Elsewhere')).issue({ usage });
  clients.expired = await authority.issue({ usage, notBefore: inDays(-3), notAfter: inDays(-1) });
  clients['for servers only'] = await authority.issue({ usage: 'server' });
});

const showing = (what, version) => {
  const { chain, key } = clients[what];
  return { ca: authority.pem, cert: chain, key, minVersion: version, maxVersion: version };
};

describe('PostgreSQL, by an alert', { timeout: 120_000 }, () => {
  /** The alerts of RFC 8446: unknown_ca, certificate_expired, unsupported_certificate. */
  const alerts = { 'by an unknown authority': 48, expired: 45, 'for servers only': 43 };
  let postgres;
  before(async () => {
    postgres = await startPostgres({ tls: { ...identity, ca: authority.pem } });
  });
  after(() => postgres?.stop());

  const ways = [
    {
      name: 'with secureTransport "on"',
      // PostgreSQL takes TLS from the first byte for its own protocol alone.
      open: async (t, tls) =>
        dial(
          t,
          { host: '127.0.0.1', port: postgres.port },
          { secureTransport: 'on', tls: { ...tls, alpn: ['postgresql'] } },
        ),
    },
    {
      name: 'after startTls()',
      open: async (t, tls) => {
        const plain = dial(t, { host: '127.0.0.1', port: postgres.port }, { secureTransport: 'starttls' });
        assert.equal(await exchange(plain, SSL_REQUEST, 'S'), 'S');
        return upgrade(t, plain, tls);
      },
    },
  ];

  for (const { name, open } of ways) {
    for (const [what, alert] of Object.entries(alerts)) {
      const refused = { code: 'ERR_SOCKET_TLS_ALERT', alert };

      test(`[D6] TLSv1.2: a certificate ${what} fails opened, ${name}`, async (t) => {
        assertSocketError(await failureOf(await open(t, showing(what, 'TLSv1.2'))), refused);
      });

      test(`[D6] TLSv1.3: a certificate ${what} fails the read and the write after opened, ${name}`, async (t) => {
        const socket = await open(t, showing(what, 'TLSv1.3'));
        await socket.opened;
        const reader = socket.readable.getReader();
        const error = await rejection(reader.read());
        assertSocketError(error, { ...refused, syscall: 'read' });
        await assert.rejects(reader.read(), (reason) => reason === error);
        await assert.rejects(socket.writable.getWriter().write(SECRET), (reason) => reason === error);
        await socket.closed;
      });

      test(`[D6] [E2] TLSv1.3: a certificate ${what} fails a write that no read comes before, ${name}`, async (t) => {
        const socket = await open(t, showing(what, 'TLSv1.3'));
        await socket.opened;
        const error = await failureOfWrites(socket.writable.getWriter());
        assertSocketError(error, { ...refused, syscall: error.syscall });
        await socket.closed;
      });
    }
  }
});

for (const { name, wrap, open } of modes) {
  describe(`Node's server ${name}`, limit, () => {
    const asking = (t, version, options) => {
      const request = { ca: authority.pem, requestCert: true, minVersion: version, maxVersion: version };
      return served(t, wrap({ ...identity, ...request, ...options }, sink()));
    };

    for (const what of ['by an unknown authority', 'expired', 'for servers only']) {
      test(`[D6] TLSv1.2: drops a client with a certificate ${what}: opened fails`, async (t) => {
        const server = await asking(t, 'TLSv1.2');
        const error = await failureOf(await open(t, server, showing(what, 'TLSv1.2')));
        assertSocketError(error, { code: 'ECONNRESET' });
        await assertNothingArrived(await server.connection(0));
      });

      test(`[D6] TLSv1.3: drops a client with a certificate ${what}: the read and the write after opened fail`, async (t) => {
        const server = await asking(t, 'TLSv1.3');
        const socket = await open(t, server, showing(what, 'TLSv1.3'));
        await socket.opened;
        const error = await rejection(socket.readable.getReader().read());
        assertSocketError(error, { code: 'ERR_SOCKET_TLS_TRUNCATED', syscall: 'read' });
        await assert.rejects(socket.writable.getWriter().write(SECRET), (reason) => reason === error);
        await assertNothingArrived(await server.connection(0));
      });
    }

    for (const version of VERSIONS) {
      test(`[D6] ${version}: a key that can sign nothing the server asks for is as good as none`, async (t) => {
        const rsa = await authority.issue({ usage: 'client', keyType: 'RSA-2048' });
        const server = await asking(t, version, { sigalgs: 'ecdsa_secp256r1_sha256' });
        const tls = { ca: authority.pem, cert: rsa.chain, key: rsa.key };
        const socket = await open(t, server, tls);
        const isLate = version === 'TLSv1.3';
        const error = isLate ? await rejection(socket.readable.getReader().read()) : await failureOf(socket);
        const [alert, syscall] = isLate ? [116, 'read'] : [40, 'handshake'];
        assertSocketError(error, { code: 'ERR_SOCKET_TLS_ALERT', alert, syscall });
        await assertNothingArrived(await server.connection(0));
      });
    }
  });
}
