// The application protocol that client and server agree on in the handshake.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import {
  askForTls,
  assertNothingArrived,
  assertSocketError,
  dial,
  exchange,
  failureOf,
  limit,
  modes,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { echo, overTls, startTls } from './support/servers.mjs';

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const trusting = (options) => ({ ca: authority.pem, ...options });

for (const { name, wrap, open } of modes) {
  describe(name, limit, () => {
    for (const [what, offer, known, agreed] of [
      ["the server's choice, in its order", { alpn: ['http/1.1', 'h2'] }, ['h2', 'http/1.1'], 'h2'],
      ['the one both know', { alpn: ['x', 'imap'] }, ['imap', 'y'], 'imap'],
      ["Node's list", { ALPNProtocols: ['postgresql'] }, ['postgresql'], 'postgresql'],
      ["Node's wire format", { ALPNProtocols: Buffer.from('\x02h2\x01x') }, ['x'], 'x'],
      ['null when the server has no ALPN', { alpn: ['h2'] }, undefined, null],
      ['null when none is offered', {}, ['h2'], null],
      ['null when the offer is empty', { alpn: [] }, ['h2'], null],
    ]) {
      test(`[D8] opened tells what was agreed on: ${what}`, async (t) => {
        const server = await served(t, wrap({ ...identity, ALPNProtocols: known }, echo()));
        const socket = await open(t, server, trusting(offer));
        assert.equal((await socket.opened).alpn, agreed);
        assert.equal((await (await server.connection(0)).secured).alpn, agreed);
        assert.equal(await exchange(socket, 'hello'), 'hello');
      });
    }

    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      test(`[D8] ${version}: no protocol in common is the server's alert, and nothing leaves`, async (t) => {
        const server = await served(t, wrap({ ...identity, maxVersion: version, ALPNProtocols: ['h2'] }, echo()));
        const socket = await open(t, server, trusting({ alpn: ['imap', 'smtp'] }));
        const error = await failureOf(socket);
        assertSocketError(error, { code: 'ERR_SOCKET_TLS_ALERT', alert: 120, message: /NoApplicationProtocol/ });
        await assertNothingArrived(await server.connection(0));
      });
    }
  });
}

test("[D8] the draft's alpn option, beside tls, holds for both modes", limit, async (t) => {
  const direct = await served(t, overTls({ ...identity, ALPNProtocols: ['h2'] }, echo()));
  const socket = dial(t, direct, { secureTransport: 'on', alpn: ['h2'], tls: trusting() });
  assert.equal((await socket.opened).alpn, 'h2');

  const later = await served(t, startTls({}, overTls({ ...identity, ALPNProtocols: ['h2', 'x'] }, echo())));
  for (const [options, agreed] of [
    [undefined, 'h2'],
    [{ alpn: ['x'] }, 'x'],
  ]) {
    const plain = dial(t, later, { secureTransport: 'starttls', alpn: ['h2'], tls: trusting() });
    await askForTls(plain);
    assert.equal((await plain.opened).alpn, null);
    assert.equal((await upgrade(t, plain, options).opened).alpn, agreed);
  }
});

test('[D8] two offers that disagree throw a TypeError', limit, async (t) => {
  const server = await served(t, overTls(identity, echo()));
  for (const options of [{ alpn: ['h2'], tls: { alpn: ['x'] } }, { tls: { alpn: ['h2'], ALPNProtocols: ['x'] } }]) {
    const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: /disagrees/ };
    assert.throws(() => dial(t, server, { secureTransport: 'on', ...options }), refusal);
  }
  assert.equal(server.connections.length, 0);
});
