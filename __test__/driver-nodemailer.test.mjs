// nodemailer over a node-style socket, against an SMTP server.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createTransport } from '../examples/drivers/nodemailer.mjs';
import { createAuthority } from './support/certs.mjs';
import { watchOpened } from './support/driver-cases.mjs';
import { linuxOnly, watchDescriptors } from './support/extra-tcp.mjs';
import { blackhole, pattern, refusedPort } from './support/servers.mjs';
import { startSmtp } from './support/smtp.mjs';

watchDescriptors();

describe('nodemailer', () => {
  let authority;
  let credentials;

  before(async () => {
    authority = await createAuthority();
    credentials = await authority.issue();
  });

  async function open(t, mode, options = {}) {
    const server = await startSmtp({ ...credentials, mode });
    const { host, port, user, password: pass } = server;
    const transport = createTransport({
      host,
      port,
      secure: mode === 'tls',
      requireTLS: mode === 'starttls',
      ignoreTLS: mode === 'plaintext',
      auth: { user, pass },
      tls: { ca: authority.pem },
      ...options,
    });
    t.after(() => {
      transport.close();
      return server.close();
    });
    return { transport, server };
  }

  const mail = {
    from: 'from@example.com',
    to: ['one@example.com', 'two@example.com'],
    subject: 'Grüße',
    text: 'A line\n.\nAnother one\n',
  };

  for (const [name, mode] of Object.entries({
    'in plaintext': 'plaintext',
    'with STARTTLS by the driver': 'starttls',
    'with TLS by the driver from the first byte': 'tls',
  })) {
    describe(name, () => {
      test('verifies the account and sends a mail', async (t) => {
        const opened = watchOpened(t);
        const { transport, server } = await open(t, mode);
        assert.equal(await transport.verify(), true);
        const { accepted, response } = await transport.sendMail(mail);
        assert.deepEqual(accepted, mail.to);
        assert.match(response, /^250/);
        const [{ secure, user, from, to, text }] = server.mails;
        assert.deepEqual(
          { secure, user, from, to },
          { secure: mode !== 'plaintext', user: 'winter', from: mail.from, to: mail.to },
        );
        assert.match(text, /\r\nA line\r\n\.\r\nAnother one\r\n/);
        assert.equal(opened.count, 2);
      });

      test('sends an attachment of megabytes, and many mails over a pool', async (t) => {
        const { transport, server } = await open(t, mode, { pool: true, maxConnections: 2 });
        await transport.sendMail({
          ...mail,
          attachments: [{ filename: 'pattern', content: pattern(2 * 1024 * 1024) }],
        });
        assert.ok(server.mails[0].text.length > 2 * 1024 * 1024);
        await Promise.all(Array.from({ length: 20 }, (_, i) => transport.sendMail({ ...mail, subject: `${i}` })));
        assert.equal(server.mails.length, 21);
      });
    });
  }

  test('gives up a connection that does not come up by its connectionTimeout', linuxOnly, async (t) => {
    const { host, port, close } = await blackhole();
    t.after(close);
    for (const pool of [false, true]) {
      const transport = createTransport({ host, port, pool, connectionTimeout: 20 });
      t.after(() => transport.close());
      await assert.rejects(transport.verify(), { code: 'ETIMEDOUT' });
      await assert.rejects(transport.sendMail(mail), { code: 'ETIMEDOUT' });
    }
  });

  test('failures have the codes they have over node:net and node:tls', async (t) => {
    const cases = [
      ['plaintext', { host: '127.0.0.1', port: await refusedPort() }, /ECONNREFUSED|ESOCKET/],
      ['tls', { tls: {} }, /ESOCKET|ETLS|UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
      ['starttls', { tls: {} }, /ESOCKET|ETLS|UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
      ['plaintext', { auth: { user: 'winter', pass: 'wrong' } }, /EAUTH/],
    ];
    for (const [mode, options, code] of cases) {
      const { transport } = await open(t, mode, options);
      const error = await transport.sendMail(mail).catch((reason) => reason);
      assert.match(`${error.code}`, code);
    }
  });
});
