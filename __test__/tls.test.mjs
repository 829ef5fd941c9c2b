// TLS from the first byte, and what both ways to TLS have in common once it is up.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  dial,
  exchange,
  failureOf,
  gate,
  limit,
  modes,
  SECRET,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { echo, overTls, sink } from './support/servers.mjs';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'];

watchDescriptors();

let authority;
let identity;
let client;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue({ names: ['127.0.0.1', 'db.test'] });
  identity = { cert: chain, key };
  client = await authority.issue({ names: ['client.test'], usage: 'client' });
});

const trusting = (options) => ({ ca: authority.pem, ...options });

for (const { name, wrap, open } of modes) {
  describe(name, limit, () => {
    for (const version of VERSIONS) {
      test(`[D2] ${version} carries bytes both ways, and opened tells what was agreed on`, async (t) => {
        const server = await served(t, wrap({ ...identity, minVersion: version, maxVersion: version }, echo()));
        const socket = await open(t, server, trusting());
        const info = await socket.opened;
        assert.equal(await exchange(socket, 'hello'), 'hello');
        const log = await server.connection(0);
        assert.equal(info.tlsVersion, version);
        assert.equal(info.cipher, log.tls.cipher);
        assert.equal(info.alpn, null);
        assert.deepEqual(Buffer.from(info.peerCertificate), new X509Certificate(identity.cert).raw);
        assert.equal(info.peerAddress, server.address);
        assert.equal(info.remoteAddress, server.address);
        assert.equal(info.localAddress, `${log.peer.address}:${log.peer.port}`);
        assert.equal(socket.secureTransport, 'on');
        assert.equal(socket.upgraded, false);
      });
    }

    test('[D2] what is written early waits for the handshake, and arrives first and in order', async (t) => {
      const server = await served(t, wrap(identity, sink()));
      const socket = await open(t, server, trusting());
      const order = [];
      const writer = socket.writable.getWriter();
      const told = [
        socket.opened.then(() => order.push('opened')),
        writer.write('first ').then(() => order.push('first write')),
        writer.write('second').then(() => order.push('second write')),
        writer.close().then(() => order.push('close')),
      ];
      await Promise.all(told);
      assert.deepEqual(order, ['opened', 'first write', 'second write', 'close']);
      const log = await server.connection(0);
      await log.ended;
      assert.equal(log.text, 'first second');
      assert.equal(log.wire.head[0], 22);
      assert.ok(!log.wire.head.includes('first'));
    });

    test('[D7] minVersion and maxVersion decide what the server sees', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      for (const [index, [versions, expected]] of [
        [{}, 'TLSv1.3'],
        [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
        [{ minVersion: 'TLSv1.3' }, 'TLSv1.3'],
        [{ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
        [{ minVersion: 'TLSv1' }, 'TLSv1.3'],
      ].entries()) {
        const socket = await open(t, server, trusting(versions));
        assert.equal((await socket.opened).tlsVersion, expected);
        const log = await server.connection(index);
        assert.equal((await log.secured).protocol, expected, JSON.stringify(versions));
      }
    });

    test('[D7] a server below minVersion is refused, and learns nothing', async (t) => {
      for (const { server: versions, client: wanted } of [
        { server: { maxVersion: 'TLSv1.2' }, client: { minVersion: 'TLSv1.3' } },
        { server: { minVersion: 'TLSv1.3' }, client: { maxVersion: 'TLSv1.2' } },
        { server: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, client: {} },
      ]) {
        const server = await served(t, wrap({ ...identity, ...versions }, sink()));
        const socket = await open(t, server, trusting(wanted));
        assertSocketError(await failureOf(socket), { code: 'ERR_SOCKET_TLS_ALERT', alert: 70 });
        await assertNothingArrived(await server.connection(0));
      }
    });
  });
}

test('[D2] opened and early writes wait while the server keeps back its half of the handshake', limit, async (t) => {
  const { handler, open, reached } = gate(overTls(identity, sink()));
  const server = await served(t, handler);
  const other = await served(t, overTls(identity, echo()));
  const socket = dial(t, server, { secureTransport: 'on', tls: trusting() });
  const settled = [];
  socket.opened.then(() => settled.push('opened'));
  const write = socket.writable.getWriter().write(SECRET);
  write.then(() => settled.push('write'));

  const hello = await reached;
  assert.equal(hello[0], 22);
  // A whole conversation with another server is time enough for a byte to leave, or for a promise to settle.
  assert.equal(await exchange(dial(t, other, { secureTransport: 'on', tls: trusting() }), 'hello'), 'hello');
  assert.deepEqual(settled, []);
  assert.ok(!hello.includes(SECRET));

  open();
  await write;
  assert.deepEqual(settled, ['opened', 'write']);
  const log = await server.connection(0);
  await log.secured;
  assert.equal(log.wire.head.indexOf(hello), 0);
});

for (const { name, wrap, open } of modes) {
  describe(`sessions ${name}`, limit, () => {
    /** Connects, exchanges a message (tickets of TLS 1.3 come before it), closes, and tells whether it was resumed. */
    async function converse(t, server, tls) {
      const socket = await open(t, server, tls);
      assert.equal(await exchange(socket, 'hello'), 'hello');
      const { peerCertificate } = await socket.opened;
      await socket.close();
      const { resumed } = server.connections.at(-1).tls;
      return { resumed, peerCertificate };
    }
    /** Settings that nothing else in this process has, and so no session yet. */
    const fresh = (what) => trusting({ alpn: [`${name} ${what}`] });

    for (const version of VERSIONS) {
      test(`[D2] ${version}: a connection resumes a session of the same settings, and of no others`, async (t) => {
        const server = await served(t, wrap({ ...identity, minVersion: version, maxVersion: version }, echo()));
        const other = await createAuthority('Other');
        const { cert, key } = client;
        for (const [what, change] of [
          ['verification', { rejectUnauthorized: false }],
          ['trust', { ca: [authority.pem, other.pem] }],
          ['a client certificate', { cert, key }],
          ['ALPN', { alpn: ['h2', name] }],
          ['the name', { servername: 'db.test' }],
          ['SNI', { servername: '' }],
          ['a check of its own', { checkServerIdentity: () => {} }],
          ['versions', version === 'TLSv1.2' ? { maxVersion: version } : { minVersion: version }],
        ]) {
          // Without a name there is no SNI to leave out.
          const settings = { ...fresh(`${version} ${what}`), ...(what === 'SNI' && { servername: 'db.test' }) };
          const changed = { ...settings, ...change, ...(what === 'SNI' && { expectedServerHostname: 'db.test' }) };
          const resumed = [];
          for (const each of [settings, changed, settings, changed])
            resumed.push((await converse(t, server, each)).resumed);
          assert.deepEqual(resumed, [false, false, true, true], what);
        }
      });
    }

    test('[D2] of a connection that was not verified is none for one that is', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const other = await createAuthority('Other');
      const careless = { ...fresh('careless'), ca: other.pem, rejectUnauthorized: false };
      await converse(t, server, careless);
      const error = await failureOf(await open(t, server, { ...careless, rejectUnauthorized: true }));
      assertSocketError(error, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    });

    test('[D6] a server whose session is resumed is told to the application like any other', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      const calls = [];
      const check = (name, { raw }) => void calls.push([name, raw]);
      const settings = { ...fresh('identity'), checkServerIdentity: check };
      const first = await converse(t, server, settings);
      const second = await converse(t, server, settings);
      assert.deepEqual([first.resumed, second.resumed], [false, true]);
      assert.deepEqual(second.peerCertificate, first.peerCertificate);
      assert.deepEqual(calls, [calls[0], calls[0]]);
    });
  });
}
