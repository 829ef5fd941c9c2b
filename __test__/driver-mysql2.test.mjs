// mysql2 over a node-style socket, against MariaDB.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';
import { createPool } from '../examples/drivers/mysql2.mjs';
import { forwardTo, ownServer, watchOpened } from './support/driver-cases.mjs';
import { MiB, watchDescriptors } from './support/extra-tcp.mjs';
import { startMariadb } from './support/mariadb.mjs';
import { until } from './support/process.mjs';
import { describeWith } from './support/programs.mjs';
import { overTls, pattern, refusedPort, serve } from './support/servers.mjs';

watchDescriptors();

describeWith(['mariadbd'], 'mysql2', () => {
  const own = ownServer(startMariadb);

  function openPool(t, options) {
    const { host, port, user, password, database } = own.server;
    const pool = createPool({ host, port, user, password, database, connectionLimit: 4, ...options });
    t.after(() => pool.end());
    return pool;
  }

  const kinds = {
    'in plaintext': () => ({}),
    'over TLS of the driver': () => ({
      user: own.server.secureUser,
      ssl: { ca: own.authority.pem, verifyIdentity: true },
    }),
  };

  for (const [name, options] of Object.entries(kinds)) {
    describe(name, () => {
      test('queries and prepared statements, side by side', async (t) => {
        const opened = watchOpened(t);
        const pool = openPool(t, options());
        const numbers = Array.from({ length: 40 }, (_, i) => i);
        const rows = await Promise.all(
          numbers.map((i) => (i % 2 ? pool.query('SELECT ? AS n', [i]) : pool.execute('SELECT ? AS n', [i]))),
        );
        assert.deepEqual(
          rows.map(([[{ n }]]) => Number(n)),
          numbers,
        );
        assert.equal(opened.count, 4);
        const [[{ Value: version }]] = await pool.query("SHOW SESSION STATUS LIKE 'Ssl_version'");
        assert.equal(version, name === 'in plaintext' ? '' : 'TLSv1.3');
      });

      test('megabytes in and out, and rows as a stream', async (t) => {
        const pool = openPool(t, options());
        const blob = pattern(4 * MiB);
        const [[{ back }]] = await pool.execute('SELECT ? AS back', [blob]);
        assert.ok(blob.equals(back));

        const connection = await pool.getConnection();
        let sum = 0;
        for await (const { seq } of connection.connection.query('SELECT seq FROM seq_1_to_100000').stream()) sum += seq;
        connection.release();
        assert.equal(sum, 5000050000);
      });

      test('a transaction that is rolled back, and one that is not', async (t) => {
        const pool = openPool(t, options());
        const table = `t${own.server.port}_${name.length}`;
        await pool.query(`CREATE TABLE ${table} (id INT PRIMARY KEY)`);
        const connection = await pool.getConnection();
        for (const [id, end] of [
          [1, 'rollback'],
          [2, 'commit'],
        ]) {
          await connection.beginTransaction();
          await connection.query(`INSERT INTO ${table} VALUES (?)`, [id]);
          await connection[end]();
        }
        connection.release();
        assert.deepEqual((await pool.query(`SELECT id FROM ${table}`))[0], [{ id: 2 }]);
      });

      test('a connection that the server kills, and the next one', async (t) => {
        const pool = openPool(t, options());
        const victim = await pool.getConnection();
        const query = victim.query('SELECT SLEEP(60)').catch((error) => error);
        // The user of the TLS kind may not.
        const other = openPool(t, {});
        await until(async () => (await other.query('SHOW PROCESSLIST'))[0].some(({ Info }) => Info?.includes('SLEEP')));
        await other.query('KILL CONNECTION ?', [victim.threadId]);
        assert.equal((await query).code, 'PROTOCOL_CONNECTION_LOST');
        victim.destroy();
        const [[{ n }]] = await pool.query('SELECT 1 AS n');
        assert.equal(n, 1);
      });
    });
  }

  test('TLS by winter-sockets, where it begins with the first byte', async (t) => {
    const front = await serve(overTls(own.credentials, forwardTo(own.server.port)));
    t.after(() => front.close());
    const stream = toNodeSocket(
      connect({ hostname: 'localhost', port: front.port }, { secureTransport: 'on', tls: { ca: own.authority.pem } }),
    );
    const { user, password, database } = own.server;
    const connection = await createConnection({ stream, user, password, database });
    const [[{ n }]] = await connection.query('SELECT 42 AS n');
    assert.equal(n, 42);
    assert.equal(front.connections[0].tls.protocol, 'TLSv1.3');
    await connection.end();
    await until(() => stream.destroyed);
  });

  test('goes on after the server was restarted', async (t) => {
    const pool = openPool(t, {});
    await pool.query('SELECT 1');
    await own.server.restart();
    // What it learns of the loss by is a matter of its timing; afterwards the pool has to be well again.
    await until(() =>
      pool.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    );
    const [[{ n }]] = await pool.query('SELECT 2 AS n');
    assert.equal(n, 2);
  });

  test('failures have the codes they have over node:net', async (t) => {
    const cases = [
      [{ password: 'wrong' }, 'ER_ACCESS_DENIED_ERROR'],
      [{ user: own.server.secureUser }, 'ER_ACCESS_DENIED_ERROR'],
      [{ port: await refusedPort(), host: '127.0.0.1' }, 'ECONNREFUSED'],
      [{ ssl: { verifyIdentity: true } }, 'HANDSHAKE_SSL_ERROR'],
    ];
    for (const [options, code] of cases) {
      await assert.rejects(openPool(t, options).query('SELECT 1'), { code });
    }
  });
});
