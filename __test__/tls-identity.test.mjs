// checkServerIdentity: the application judges the name itself, before a byte of it leaves.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import tls from 'node:tls';
import { createAuthority, inDays } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  checkpoint,
  exchange,
  failureOf,
  limit,
  modes,
  SECRET,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { until } from './support/process.mjs';
import { echo, sink } from './support/servers.mjs';

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority('Root');
  const { chain, key } = await authority.issue({ names: ['db.test'] });
  identity = { cert: chain, key };
});

const trusting = (options) => ({ ca: authority.pem, ...options });

for (const { name, wrap, open } of modes) {
  describe(`checkServerIdentity ${name}`, limit, () => {
    test('[D5] [D6] is called once, before opened, with the name and the certificate as Node shapes it', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const order = [];
      let calls;
      const checkServerIdentity = (...args) => {
        calls = args;
        order.push('check');
      };
      const socket = await open(t, server, trusting({ checkServerIdentity, servername: 'elsewhere.test' }));
      await socket.opened.then(() => order.push('opened'));
      assert.deepEqual(order, ['check', 'opened']);
      const [hostname, certificate] = calls;
      assert.equal(calls.length, 2);
      assert.equal(hostname, 'elsewhere.test');
      assert.equal(certificate.subject.CN, 'db.test');
      assert.equal(certificate.issuer.CN, 'Root');
      assert.equal(certificate.subjectaltname, 'DNS:db.test');
      assert.ok(Buffer.isBuffer(certificate.raw));
      assert.match(certificate.fingerprint256, /^[0-9A-F:]{95}$/);
      assert.equal(await exchange(socket, 'hello'), 'hello');
    });

    test("[D5] Node's own tls.checkServerIdentity can be given", async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const { checkServerIdentity } = tls;
      const right = await open(t, server, trusting({ checkServerIdentity, servername: 'db.test' }));
      await right.opened;
      const wrong = await open(t, server, trusting({ checkServerIdentity, servername: 'other.test' }));
      const error = await failureOf(wrong);
      assertSocketError(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: /identity was refused/ });
      assert.equal(error.cause.host, 'other.test');
      await assertNothingArrived(await server.connection(1));
    });

    const refusal = Object.assign(new Error('pinned to another key'), { code: 'PINNED' });
    for (const [how, check, code] of [
      ['returns an Error', () => refusal, 'PINNED'],
      [
        'throws',
        () => {
          throw refusal;
        },
        'PINNED',
      ],
      ['resolves to an Error', async () => refusal, 'PINNED'],
      ['rejects', () => Promise.reject(refusal), 'PINNED'],
      ['returns an Error without a code', () => new Error('no'), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ]) {
      test(`[D2] [D6] that ${how} fails all of the socket, and no application byte leaves`, async (t) => {
        const server = await served(t, wrap(identity, sink()));
        const error = await failureOf(await open(t, server, trusting({ checkServerIdentity: check })));
        assertSocketError(error, { code, address: server.host, port: server.port });
        if (code === 'PINNED') assert.equal(error.cause, refusal);
        await assertNothingArrived(await server.connection(0));
      });
    }

    test('[D2] that is asynchronous is awaited, and what was written early waits with it', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const asked = checkpoint();
      const checkServerIdentity = async () => {
        asked.reach();
        await asked.opened;
      };
      const socket = await open(t, server, trusting({ checkServerIdentity }));
      const settled = [];
      socket.opened.then(() => settled.push('opened'));
      const write = socket.writable.getWriter().write(SECRET);
      write.then(() => settled.push('write'));
      await asked.reached;
      const log = await server.connection(0);
      await log.secured;
      // A whole conversation is time enough for a byte to leave, or for a promise to settle.
      const other = await open(t, server, trusting({ servername: 'db.test' }));
      assert.equal(await exchange(other, 'hello'), 'hello');
      assert.deepEqual(settled, []);
      assert.equal(log.bytes, 0);

      asked.open();
      await write;
      assert.deepEqual(settled, ['opened', 'write']);
      await until(() => log.text === SECRET);
    });

    test('[D2] [B2] that never answers can be given up by close(), by a reason and by the signal', async (t) => {
      const server = await served(t, wrap(identity, sink()));
      const reason = new Error('enough');
      for (const [giveUp, expected] of [
        [(socket) => socket.close(), { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' }],
        [(socket) => socket.close(reason), reason],
        [(_socket, controller) => controller.abort(reason), reason],
      ]) {
        const asked = checkpoint();
        const checkServerIdentity = () => {
          asked.reach();
          return asked.opened;
        };
        const controller = new AbortController();
        const { signal } = controller;
        const socket = await open(t, server, trusting({ checkServerIdentity }), { signal });
        await asked.reached;
        const log = server.connections.at(-1);
        giveUp(socket, controller);
        await assert.rejects(socket.opened, expected);
        await assertNothingArrived(log);
        // An answer that comes too late changes nothing.
        asked.open();
        await assert.rejects(socket.opened, expected);
      }
    });

    test('[D6] replaces the check of the name only: authority and dates must hold before it is asked', async (t) => {
      const unknown = await (await createAuthority('Unknown')).issue();
      const expired = await authority.issue({ notBefore: inDays(-3), notAfter: inDays(-1) });
      for (const [{ chain, key }, code] of [
        [unknown, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
        [expired, 'CERT_HAS_EXPIRED'],
      ]) {
        const server = await served(t, wrap({ cert: chain, key }, sink()));
        const checkServerIdentity = () => assert.fail('asked about a certificate that is not trusted');
        assertSocketError(await failureOf(await open(t, server, trusting({ checkServerIdentity }))), { code });
      }
    });

    test('[D6] is not called with rejectUnauthorized: false, as in Node', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const checkServerIdentity = () => assert.fail('called');
      const socket = await open(t, server, trusting({ checkServerIdentity, rejectUnauthorized: false }));
      assert.equal(await exchange(socket, 'hello'), 'hello');
    });
  });
}
