// A Mosquitto MQTT broker of its own for a test.

import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { accepting, freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

const credentials = { username: 'winter', password: 'correct horse' };

/**
 * Starts a broker that speaks plaintext at `port` and TLS at `tlsPort`, with the given `{ cert, key }` in PEM. Nobody is let in
 * without `username` and `password`. Resolves to `{ host, port, tlsPort, username, password, log(), stop(), restart() }`.
 */
export async function startMosquitto({ cert, key }) {
  let port;
  let tlsPort;
  const server = await startProgram('mosquitto', {
    ready: () => answers(port),
    async configure({ user, write }) {
      port = await freePort();
      tlsPort = await freePort();
      const lines = [
        `user ${user}`,
        'allow_anonymous false',
        `password_file ${await write('passwords', `${credentials.username}:${digest(credentials.password)}\n`)}`,
        `listener ${port} 127.0.0.1`,
        `listener ${tlsPort} 127.0.0.1`,
        `certfile ${await write('server.crt', cert)}`,
        `keyfile ${await write('server.key', key)}`,
      ];
      return ['-c', await write('mosquitto.conf', lines.map((line) => `${line}\n`).join(''))];
    },
  });
  return { ...server, ...credentials, host: 'localhost', port, tlsPort };
}

/**
 * Until it refuses what is no MQTT. Its log says that it is running a moment before it is, and a signal to end that comes in
 * between is lost.
 */
async function answers(port) {
  await accepting(port);
  const socket = connect(port, '127.0.0.1');
  // Perhaps by a reset.
  socket.on('error', () => {});
  socket.resume().write('no MQTT');
  await new Promise((resolve) => socket.on('close', resolve));
}

/** As the program mosquitto_passwd writes it. */
function digest(password) {
  const iterations = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`;
}
