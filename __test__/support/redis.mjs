// A Redis server of its own for a test.

import { freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

/**
 * Starts a server that speaks plaintext at `port` and TLS at `tlsPort`, with the given `{ cert, key }` in PEM. Every command
 * needs `password`. Resolves to `{ host, port, tlsPort, password, log(), stop(), restart() }`.
 */
export async function startRedis({ cert, key }) {
  const host = 'localhost';
  const password = 'correct horse';
  let port;
  let tlsPort;
  const server = await startProgram('redis-server', {
    ready: /Ready to accept connections/,
    async configure({ folder, write }) {
      port = await freePort();
      tlsPort = await freePort();
      const settings = {
        bind: '127.0.0.1',
        port,
        'tls-port': tlsPort,
        'tls-cert-file': await write('server.crt', cert),
        'tls-key-file': await write('server.key', key),
        'tls-auth-clients': 'no',
        dir: folder,
        save: '""',
        requirepass: JSON.stringify(password),
      };
      const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
      return [await write('redis.conf', lines.join(''))];
    },
  });
  return { ...server, host, port, tlsPort, password };
}
