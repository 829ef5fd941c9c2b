// The stock worker-mailer through the preload, against an SMTP server.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { runDriver } from './support/drivers.mjs';
import { refusedPort } from './support/servers.mjs';
import { startSmtp } from './support/smtp.mjs';

describe('worker-mailer', () => {
  let authority;
  let identity;

  before(async () => {
    authority = await createAuthority();
    identity = await authority.issue({ names: ['localhost'] });
  });

  const ways = {
    plaintext: { mode: 'plaintext', options: { startTls: false }, opened: ['plaintext'] },
    STARTTLS: { mode: 'starttls', options: { startTls: true }, opened: ['plaintext', 'TLSv1.3'] },
    TLS: { mode: 'tls', options: { secure: true }, opened: ['TLSv1.3'] },
  };
  const forms = {
    'its CommonJS form, imported': "import { WorkerMailer } from 'worker-mailer';",
    'its CommonJS form, required':
      "import { createRequire } from 'node:module'; const { WorkerMailer } = createRequire(import.meta.url)('worker-mailer');",
    'its ES module': "import { WorkerMailer } from 'worker-mailer/dist/index.mjs';",
  };
  // The driver never clears the timers of its limits, up to a minute, which would keep the process.
  const withoutTimers = `
    const setTimer = globalThis.setTimeout;
    globalThis.setTimeout = (...args) => setTimer(...args).unref();
  `;
  const optionsOf = ({ host, port, user: username, password }) => ({
    host,
    port,
    credentials: { username, password },
    authType: 'plain',
    logLevel: 4,
  });

  for (const [form, imports] of Object.entries(forms)) {
    for (const [way, { mode, options, opened }] of Object.entries(ways)) {
      test(`${way}, ${form}: mails arrive whole, in order, from who logged in`, async (t) => {
        const server = await startSmtp({ ...identity, mode });
        t.after(() => server.close());
        const answer = await runDriver({
          imports: imports + withoutTimers,
          ca: authority.pem,
          options: { ...optionsOf(server), ...options },
          body: `
            const mailer = await WorkerMailer.connect(options);
            const mail = { from: 'a@winter.test', to: ['b@winter.test', 'c@winter.test'], subject: 'Sockets' };
            await Promise.all(['short', 'x'.repeat(1 << 19)].map((text) => mailer.send({ ...mail, text })));
            await mailer.close();
          `,
        });
        assert.equal(answer.error, undefined);
        assert.deepEqual(answer.opened, opened);
        assert.deepEqual(answer.unhandled, []);
        assert.equal(server.mails.length, 2);
        const [short, long] = server.mails;
        const envelope = { secure: mode !== 'plaintext', user: server.user, from: 'a@winter.test' };
        assert.deepEqual({ ...short, text: '' }, { ...envelope, to: ['b@winter.test', 'c@winter.test'], text: '' });
        assert.match(short.text, /\r\nshort/);
        // The driver encodes what it sends, which breaks lines.
        assert.equal(
          long.text
            .match(/x+/g)
            .filter((run) => run.length > 1)
            .join('').length,
          1 << 19,
        );
      });
    }
  }

  for (const way of ['STARTTLS', 'TLS']) {
    test(`${way}: a server that is not trusted gets neither password nor mail`, async (t) => {
      const { mode, options } = ways[way];
      const server = await startSmtp({ ...identity, mode });
      t.after(() => server.close());
      const { error, unhandled } = await runDriver({
        imports: forms['its CommonJS form, imported'] + withoutTimers,
        options: { ...optionsOf(server), ...options },
        body: 'await WorkerMailer.connect(options);',
      });
      assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      assert.deepEqual(unhandled, []);
      assert.deepEqual(server.mails, []);
    });
  }

  test('a refused connection is an error of connect()', async () => {
    const { error, unhandled } = await runDriver({
      imports: forms['its CommonJS form, imported'] + withoutTimers,
      options: { ...optionsOf({ host: '127.0.0.1', port: await refusedPort() }) },
      body: 'await WorkerMailer.connect(options);',
    });
    assert.equal(error.code, 'ECONNREFUSED');
    assert.deepEqual(unhandled, []);
  });
});
