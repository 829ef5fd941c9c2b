// PgBouncer in front of a PostgreSQL server, in transaction mode.

import { freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

/**
 * Starts one for a server of postgres.mjs, which it reaches in plaintext. Clients may speak plaintext or TLS with the given
 * `{ cert, key }` in PEM. `settings` are added to those of its configuration file.
 *
 * Resolves to `{ host, port, user, password, database, pid(), log(), stop(), restart() }`.
 */
export async function startPgBouncer({ postgres, cert, key, settings = {} }) {
  const { user, password, database } = postgres;
  const host = 'localhost';
  let port;
  const bouncer = await startProgram('pgbouncer', {
    ready: /process up/,
    async configure({ write }) {
      port = await freePort();
      const all = {
        listen_addr: '127.0.0.1',
        listen_port: port,
        unix_socket_dir: '',
        pool_mode: 'transaction',
        auth_type: 'scram-sha-256',
        auth_file: await write('users.txt', `"${user}" "${password}"\n`),
        client_tls_sslmode: 'allow',
        client_tls_cert_file: await write('server.crt', cert),
        client_tls_key_file: await write('server.key', key),
        ...settings,
      };
      const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
      const target = `${database} = host=127.0.0.1 port=${postgres.port} dbname=${database}\n`;
      return [await write('pgbouncer.ini', `[databases]\n${target}[pgbouncer]\n${lines.join('')}`)];
    },
  });
  return { ...bouncer, host, port, user, password, database };
}
