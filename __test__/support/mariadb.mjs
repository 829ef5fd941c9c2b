// A MariaDB server of its own for a test.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';
import { findProgram } from './programs.mjs';

const host = 'localhost';
const credentials = { user: 'winter', password: 'correct horse', database: 'sockets' };

// Little memory, and data that lives as long as the run.
const small = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=8M', '--innodb-flush-log-at-trx-commit=0'];

/**
 * Starts a server that speaks plaintext and, when asked in band, TLS with the given `{ cert, key }` in PEM. The user `winter`
 * owns the database `sockets`; `secureUser` has the same password and may come over TLS only.
 *
 * Resolves to `{ host, port, user, secureUser, password, database, log(), stop(), restart() }`.
 */
export async function startMariadb({ cert, key }) {
  const secureUser = 'secure';
  let port;
  const server = await startProgram('mariadbd', {
    ready: /ready for connections/,
    async configure({ user, write, makeFolder }) {
      port = await freePort();
      const data = await makeFolder('data');
      bootstrap([`--datadir=${data}`, `--user=${user}`], secureUser);
      return [
        '--no-defaults',
        `--datadir=${data}`,
        `--socket=${join(data, 'socket')}`,
        `--pid-file=${join(data, 'pid')}`,
        '--bind-address=127.0.0.1',
        `--port=${port}`,
        `--ssl-cert=${await write('server.crt', cert)}`,
        `--ssl-key=${await write('server.key', key)}`,
        // It would look up the name of each client.
        '--skip-name-resolve',
        ...small,
      ];
    },
  });
  return { ...server, ...credentials, secureUser, host, port };
}

/** Makes the system tables and the users, as mariadb-install-db does, which is in another package. */
function bootstrap(options, secureUser) {
  const { user, password, database } = credentials;
  const sql = [
    'CREATE DATABASE mysql;',
    'USE mysql;',
    ...systemTables(),
    'FLUSH PRIVILEGES;',
    `CREATE DATABASE ${database};`,
    `CREATE USER ${user} IDENTIFIED BY '${password}';`,
    `CREATE USER ${secureUser} IDENTIFIED BY '${password}' REQUIRE SSL;`,
    `GRANT ALL ON ${database}.* TO ${user}, ${secureUser};`,
    // For those who kill other people's connections.
    `GRANT CONNECTION ADMIN, PROCESS ON *.* TO ${user};`,
  ];
  const args = ['--no-defaults', '--bootstrap', '--skip-networking', ...small, ...options];
  execFileSync(findProgram('mariadbd'), args, { input: `${sql.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
}

/** The scripts that come with the server; newer versions have new names for folder and files. */
function systemTables() {
  const [folder, prefix] = [
    ['/usr/share/mariadb', 'mariadb'],
    ['/usr/share/mysql', 'mysql'],
  ].find(([path, name]) => existsSync(join(path, `${name}_system_tables.sql`)));
  return ['system_tables', 'performance_tables', 'system_tables_data'].map((name) =>
    readFileSync(join(folder, `${prefix}_${name}.sql`), 'utf8'),
  );
}
