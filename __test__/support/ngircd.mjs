// An ngIRCd IRC server of its own for a test.

import { accepting, freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

/**
 * Starts a server that speaks plaintext at `port` and TLS at `tlsPort`, with the given `{ cert, key }` in PEM.
 * Resolves to `{ host, port, tlsPort, log(), stop() }`.
 */
export async function startNgircd({ cert, key }) {
  let port;
  let tlsPort;
  const server = await startProgram('ngircd', {
    ready: () => Promise.all([accepting(port), accepting(tlsPort)]),
    async configure({ write }) {
      port = await freePort();
      tlsPort = await freePort();
      const text = `
[Global]
Name = irc.example
Info = A server for tests
AdminEMail = nobody@example
Listen = 127.0.0.1
Ports = ${port}
MotdPhrase = Welcome to the test
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
[SSL]
CertFile = ${await write('server.crt', cert)}
KeyFile = ${await write('server.key', key)}
Ports = ${tlsPort}
`;
      return ['-n', '-f', await write('ngircd.conf', text)];
    },
  });
  return { ...server, host: 'localhost', port, tlsPort };
}
