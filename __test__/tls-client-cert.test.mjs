// Certificates of the client's: sent when asked for, and what happens when one is missing or unwanted.

import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { createAuthority } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  exchange,
  failureOf,
  failureOfWrites,
  limit,
  modes,
  rejection,
  SECRET,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { echo } from './support/servers.mjs';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'];
const KEY_TYPES = ['P-256', 'P-384', 'P-521', 'RSA-2048', 'Ed25519'];
const PASSPHRASE = 'correct horse battery staple';

watchDescriptors();

let authority;
let identity;
/** Of the client, by the type of its key; `stranger` is one that the server does not know. */
const clients = {};
before(async () => {
  authority = await createAuthority('Root');
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
  const intermediate = await authority.intermediate('Clients');
  for (const keyType of KEY_TYPES) {
    clients[keyType] = await intermediate.issue({ names: ['client.test'], usage: 'client', keyType });
  }
  clients.stranger = await (await createAuthority('Elsewhere')).issue({ names: ['client.test'], usage: 'client' });
});

const trusting = (options) => ({ ca: authority.pem, ...options });

for (const { name, wrap, open } of modes) {
  describe(`client certificates ${name}`, limit, () => {
    /** A server that asks for a certificate; `required` refuses whoever has none. */
    const asking = (t, version, required = true) => {
      const request = { ca: authority.pem, requestCert: true, rejectUnauthorized: required };
      return served(t, wrap({ ...identity, ...request, minVersion: version, maxVersion: version }, echo()));
    };

    for (const version of VERSIONS) {
      for (const keyType of KEY_TYPES) {
        // OpenSSL takes a client's key in TLS 1.2 only on a curve that the client offers for the key exchange too.
        if (keyType === 'P-521' && version === 'TLSv1.2') continue;
        test(`[D6] ${version}: a certificate with its chain and a key of ${keyType} is sent and proven`, async (t) => {
          const server = await asking(t, version);
          const { chain, key } = clients[keyType];
          const socket = await open(t, server, trusting({ cert: chain, key }));
          await socket.opened;
          assert.equal(await exchange(socket, 'hello'), 'hello');
          const { peerCertificate } = await (await server.connection(0)).secured;
          assert.deepEqual(peerCertificate, new X509Certificate(chain).raw);
        });
      }

      test(`[D6] ${version}: none is sent when none is given, and a server that only asks goes on`, async (t) => {
        const server = await asking(t, version, false);
        const socket = await open(t, server, trusting());
        assert.equal(await exchange(socket, 'hello'), 'hello');
        assert.equal((await (await server.connection(0)).secured).peerCertificate, null);
      });
    }

    test('[D6] none is shown to a server that is not verified', async (t) => {
      const { chain, key, der } = clients['P-256'];
      const untrusted = await createAuthority('Untrusted');
      for (const [ca, isShown] of [
        [authority.pem, true],
        [untrusted.pem, false],
      ]) {
        // Where a client's certificate crosses the wire in clear.
        const server = await asking(t, 'TLSv1.2', false);
        const socket = await open(t, server, { ca, cert: chain, key });
        if (isShown) await socket.opened;
        else assertSocketError(await failureOf(socket), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
        const log = await server.connection(0);
        await log.secured;
        assert.equal(log.wire.head.includes(der), isShown);
      }
    });

    test('[D6] every form of certificate and key is taken: bytes, DER, arrays, an encrypted key', async (t) => {
      const server = await asking(t, undefined);
      const { cert, chain, key } = clients['P-256'];
      const intermediate = chain.slice(cert.length);
      const cipher = 'aes-256-cbc';
      const encrypted = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher, passphrase: PASSPHRASE });
      const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
      for (const credentials of [
        { cert: Buffer.from(chain), key: Buffer.from(key) },
        { cert: [cert, intermediate], key: [key] },
        { cert: [new X509Certificate(cert).raw, intermediate], key: der },
        { cert: chain, key: encrypted, passphrase: PASSPHRASE },
        { cert: chain, key: { pem: encrypted, passphrase: PASSPHRASE } },
      ]) {
        const socket = await open(t, server, trusting(credentials));
        assert.equal(await exchange(socket, 'hello'), 'hello');
        assert.ok(server.connections.at(-1).tls.peerCertificate);
      }
    });

    test("[D6] TLSv1.2: a certificate required and missing fails opened with the server's alert, and nothing leaves", async (t) => {
      const server = await asking(t, 'TLSv1.2');
      const error = await failureOf(await open(t, server, trusting()));
      assertSocketError(error, { code: 'ERR_SOCKET_TLS_ALERT', alert: 40, message: /HandshakeFailure/ });
      await assertNothingArrived(await server.connection(0));
    });

    test('[D6] TLSv1.3: a certificate required and missing fails the read, since opened comes before the alert', async (t) => {
      const server = await asking(t, 'TLSv1.3');
      const socket = await open(t, server, trusting());
      await socket.opened;
      const reader = socket.readable.getReader();
      const error = await rejection(reader.read());
      const missing = { code: 'ERR_SOCKET_TLS_ALERT', alert: 116, message: /CertificateRequired/ };
      assertSocketError(error, { ...missing, syscall: 'read' });
      await assert.rejects(reader.read(), (reason) => reason === error);
      await assert.rejects(socket.writable.getWriter().write(SECRET), (reason) => reason === error);
      await socket.closed;
      await assertNothingArrived(await server.connection(0));
    });

    test('[D6] [E2] TLSv1.3: a certificate required and missing fails a write, with no read to meet the alert', async (t) => {
      const server = await asking(t, 'TLSv1.3');
      const socket = await open(t, server, trusting());
      await socket.opened;
      await (await server.connection(0)).secured;
      const error = await failureOfWrites(socket.writable.getWriter());
      assertSocketError(error, { code: 'ERR_SOCKET_TLS_ALERT', alert: 116, syscall: error.syscall });
      await socket.closed;
    });

    test('[D6] [D7] credentials that cannot be used throw a TypeError that holds no secret', async (t) => {
      const server = await asking(t, undefined);
      const { cert, key } = clients['P-256'];
      const cipher = 'aes-256-cbc';
      const encrypted = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher, passphrase: PASSPHRASE });
      const body = key.split('\n')[1];
      const encryptedBody = encrypted.split('\n')[1];
      for (const [what, credentials] of Object.entries({
        'a key that is no PEM': { cert, key: key.replaceAll('PRIVATE', 'PIRATE') },
        'a key that is cut off': { cert, key: key.slice(0, 80) },
        'the key of another certificate': { cert, key: clients['P-384'].key },
        'a certificate that is cut off': { cert: cert.slice(0, 100), key },
        'no certificate': { key },
        'no key': { cert },
        'the wrong passphrase': { cert, key: encrypted, passphrase: `not ${PASSPHRASE}` },
        'no passphrase': { cert, key: encrypted },
        'a passphrase of another type': { cert, key: encrypted, passphrase: Buffer.from(PASSPHRASE) },
      })) {
        const error = await open(t, server, trusting(credentials)).then(
          () => assert.fail(`accepted ${what}`),
          (reason) => reason,
        );
        assert.equal(error.constructor, TypeError, what);
        assert.match(error.code, /^ERR_INVALID_ARG_(TYPE|VALUE)$/, what);
        const shown = inspect(error, { depth: Infinity, showHidden: true });
        for (const secret of [PASSPHRASE, body, encryptedBody]) assert.ok(!shown.includes(secret), what);
      }
    });

    test('[B5] no error and no socket shows the key or the passphrase', async (t) => {
      const server = await asking(t, 'TLSv1.2');
      const { chain, key } = clients.stranger;
      const cipher = 'aes-256-cbc';
      const encrypted = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher, passphrase: PASSPHRASE });
      const socket = await open(t, server, trusting({ cert: chain, key: encrypted, passphrase: PASSPHRASE }));
      const error = await failureOf(socket);
      for (const value of [error, socket, socket.readable, socket.writable]) {
        const shown = inspect(value, { depth: Infinity, showHidden: true });
        for (const secret of [PASSPHRASE, key.split('\n')[1], encrypted.split('\n')[1]]) {
          assert.ok(!shown.includes(secret), shown);
        }
      }
      assert.ok(!JSON.stringify(error).includes(PASSPHRASE));
    });
  });
}
