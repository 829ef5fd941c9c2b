// mariadb over a node-style socket, against MariaDB.

import assert from 'node:assert/strict';
import { connect as connectNet } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import mariadb from 'mariadb';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';
import { createPool } from '../examples/drivers/mariadb.mjs';
import { forwardTo, ownServer, watchOpened } from './support/driver-cases.mjs';
import { MiB, watchDescriptors } from './support/extra-tcp.mjs';
import { startMariadb } from './support/mariadb.mjs';
import { describeWith } from './support/programs.mjs';
import { overTls, pattern, refusedPort, serve } from './support/servers.mjs';

watchDescriptors();

describeWith(['mariadbd'], 'mariadb', () => {
  const own = ownServer(startMariadb);

  const account = () => {
    const { host, port, user, password, database } = own.server;
    return { host, port, user, password, database };
  };

  function openPool(t, options) {
    const pool = createPool({ ...account(), connectionLimit: 4, ...options });
    t.after(() => pool.end());
    return pool;
  }

  test('queries, prepared statements and batches, side by side', async (t) => {
    const opened = watchOpened(t);
    const pool = openPool(t);
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const rows = await Promise.all(
      numbers.map((i) => (i % 2 ? pool.query('SELECT ? AS n', [i]) : pool.execute('SELECT ? AS n', [i]))),
    );
    assert.deepEqual(
      rows.map(([{ n }]) => Number(n)),
      numbers,
    );
    assert.ok(opened.count >= 1 && opened.count <= 4, `${opened.count}`);
    await pool.query('CREATE TABLE numbers (n INT)');
    await pool.batch(
      'INSERT INTO numbers VALUES (?)',
      numbers.map((n) => [n]),
    );
    const [{ sum }] = await pool.query('SELECT SUM(n) AS sum FROM numbers');
    assert.equal(Number(sum), 780);
  });

  test('megabytes in and out, and rows as a stream', async (t) => {
    const pool = openPool(t);
    const blob = pattern(4 * MiB);
    const [{ back }] = await pool.execute('SELECT ? AS back', [blob]);
    assert.ok(blob.equals(back));
    const connection = await pool.getConnection();
    let sum = 0;
    for await (const { seq } of connection.queryStream('SELECT seq FROM seq_1_to_100000')) sum += Number(seq);
    await connection.release();
    assert.equal(sum, 5000050000);
  });

  test('TLS by winter-sockets, where it begins with the first byte', async (t) => {
    const front = await serve(overTls(own.credentials, forwardTo(own.server.port)));
    t.after(() => front.close());
    const stream = (callback) =>
      callback(
        null,
        toNodeSocket(
          connect(
            { hostname: 'localhost', port: front.port },
            { secureTransport: 'on', tls: { ca: own.authority.pem } },
          ),
        ),
      );
    const connection = await mariadb.createConnection({ ...account(), stream });
    const [{ n }] = await connection.query('SELECT 42 AS n');
    assert.equal(n, 42);
    assert.equal(front.connections[0].tls.protocol, 'TLSv1.3');
    await connection.end();
  });

  // It removes the listeners for data that the TLS of Node has put on such a stream. If this fails, the driver has learnt
  // better, and docs/drivers.md can say so.
  for (const [name, open] of Object.entries({
    'a node-style socket': openOurs,
    'any other Duplex': openDuplex,
  })) {
    test(`TLS of the driver does not come about over ${name}`, async () => {
      const stream = (callback) => callback(null, open(own.server.port));
      const options = { ...account(), ssl: { ca: own.authority.pem }, connectTimeout: 500, stream };
      await assert.rejects(mariadb.createConnection(options), { code: 'ER_CONNECTION_TIMEOUT' });
    });
  }

  test('failures have the codes they have over node:net', async () => {
    const cases = [
      [{ password: 'wrong' }, 'ER_ACCESS_DENIED_ERROR'],
      [{ port: await refusedPort(), host: '127.0.0.1' }, 'ECONNREFUSED'],
    ];
    for (const [options, code] of cases) {
      const pool = createPool({ ...account(), ...options, connectionLimit: 1, acquireTimeout: 500 });
      const error = await pool.query('SELECT 1').catch((reason) => reason);
      assert.ok([error.code, error.cause?.code].includes(code), `${error.code}: ${error.message}`);
      await pool.end();
    }
  });
});

function openOurs(port) {
  return toNodeSocket(connect({ hostname: 'localhost', port }));
}

/** What goes through a socket of Node, as a stream that is none. */
function openDuplex(port) {
  const socket = connectNet(port, '127.0.0.1');
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk, _encoding, callback) => socket.write(chunk, callback),
    final: (callback) => socket.end(callback),
    destroy(error, callback) {
      socket.destroy();
      callback(error);
    },
  });
  socket.on('data', (chunk) => stream.push(chunk));
  socket.on('end', () => stream.push(null));
  for (const name of ['setNoDelay', 'setTimeout', 'setKeepAlive', 'ref', 'unref']) stream[name] = () => stream;
  return stream;
}
