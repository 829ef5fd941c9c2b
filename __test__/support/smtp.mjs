// An SMTP server in this process.

import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';

const credentials = { user: 'winter', password: 'correct horse' };

/**
 * Starts a server, on a port of the system's choice. `mode` is 'plaintext' (no STARTTLS is offered), 'starttls' or 'tls'.
 *
 * Resolves to `{ host, port, user, password, mails, close() }`. `mails` has each mail that was taken, in order, as
 * `{ secure, user, from, to, text }`: whether it came over TLS, who had logged in, the envelope, and the message.
 */
export async function startSmtp({ cert, key, mode }) {
  const mails = [];
  const server = new SMTPServer({
    cert,
    key,
    secure: mode === 'tls',
    hideSTARTTLS: mode === 'plaintext',
    allowInsecureAuth: mode === 'plaintext',
    authMethods: ['PLAIN', 'LOGIN'],
    // It would look up the name of each client.
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      const known = username === credentials.user && password === credentials.password;
      if (known) done(null, { user: username });
      else done(new Error('Invalid user name or password'));
    },
    onData(stream, { secure, user, envelope }, done) {
      let text = '';
      stream.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      stream.on('end', () => {
        mails.push({
          secure,
          user,
          from: envelope.mailFrom.address,
          to: envelope.rcptTo.map(({ address }) => address),
          text,
        });
        done();
      });
    },
  });
  // A client may refuse the server and be gone; its own error is what the test looks at.
  server.on('error', () => {});
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');

  return {
    ...credentials,
    host: 'localhost',
    port: listening.address().port,
    mails,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
