// The stock imapflow with its transport for `cloudflare:sockets`, against a real Dovecot.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDovecot } from './support/dovecot.mjs';
import { ownServer } from './support/driver-cases.mjs';
import { runDriver } from './support/drivers.mjs';
import { describeWith } from './support/programs.mjs';
import { refusedPort } from './support/servers.mjs';

describeWith(['dovecot'], 'imapflow', () => {
  const own = ownServer(startDovecot);

  const imports = "import { createSocketsTransport, ImapFlow } from 'imapflow';";
  const sources = { 'winter-sockets': false, 'cloudflare:sockets': true };
  const optionsOf = ({ host, port, user, password: pass }) => ({ host, port, auth: { user, pass }, logger: false });
  const ways = {
    plaintext: { options: { doSTARTTLS: false }, opened: ['plaintext'] },
    STARTTLS: { options: { doSTARTTLS: true }, opened: ['plaintext', 'TLSv1.3'] },
    TLS: { options: { secure: true }, opened: ['TLSv1.3'], tls: true },
  };

  for (const [source, preload] of Object.entries(sources)) {
    for (const [way, { options, opened, tls }] of Object.entries(ways)) {
      test(`${way}, connect() of ${source}: a message is stored, found and read back`, async () => {
        const answer = await runDriver({
          imports: `${imports} import { connect } from '${source}';`,
          preload,
          ca: own.authority.pem,
          options: { ...optionsOf(tls ? { ...own.server, port: own.server.tlsPort } : own.server), ...options },
          body: `
            const client = new ImapFlow({ ...options, transport: createSocketsTransport(connect) });
            await client.connect();
            const text = 'x'.repeat(1 << 20);
            const appended = await client.append('INBOX', 'Subject: ${way} by ${source}\\r\\n\\r\\n' + text + '\\r\\n');
            const lock = await client.getMailboxLock('INBOX');
            const found = await client.search({ subject: '${way} by ${source}' }, { uid: true });
            const message = await client.fetchOne(String(appended.uid), { source: true }, { uid: true });
            lock.release();
            await client.logout();
            return { found: found.includes(appended.uid), whole: String(message.source).trimEnd().endsWith('\\n' + text) };
          `,
        });
        assert.equal(answer.error, undefined);
        assert.deepEqual(answer.value, { found: true, whole: true });
        assert.deepEqual(answer.opened, opened);
        assert.deepEqual(answer.unhandled, []);
      });
    }
  }

  for (const way of ['STARTTLS', 'TLS']) {
    test(`${way}: a server that is not trusted gets no password`, async () => {
      const { options, tls } = ways[way];
      const from = own.server.log().length;
      const { error, unhandled } = await runDriver({
        imports: `${imports} import { connect } from 'winter-sockets';`,
        preload: false,
        options: { ...optionsOf(tls ? { ...own.server, port: own.server.tlsPort } : own.server), ...options },
        body: `
          const client = new ImapFlow({ ...options, transport: createSocketsTransport(connect) });
          client.on('error', () => {});
          await client.connect();
        `,
      });
      assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      assert.deepEqual(unhandled, []);
      assert.doesNotMatch(own.server.log().slice(from), /Login: user=/);
    });
  }

  test('a refused connection and a wrong password are errors of connect()', async () => {
    const { value, unhandled } = await runDriver({
      imports: `${imports} import { connect } from 'winter-sockets';`,
      preload: false,
      options: { ...optionsOf(own.server), refused: await refusedPort() },
      body: `
        const codes = [];
        for (const change of [{ port: options.refused }, { auth: { ...options.auth, pass: 'wrong' }, doSTARTTLS: false }]) {
          const client = new ImapFlow({ ...options, ...change, transport: createSocketsTransport(connect) });
          client.on('error', () => {});
          await client.connect().catch((error) => codes.push(error.code ?? error.authenticationFailed));
        }
        return codes;
      `,
    });
    assert.deepEqual(value, ['ECONNREFUSED', true]);
    assert.deepEqual(unhandled, []);
  });
});
