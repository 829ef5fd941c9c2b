// The stock pg with pg-pool, pg-cursor and pg-query-stream, routed by the preload, against PostgreSQL and against PgBouncer in
// transaction mode.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { runDriver } from './support/drivers.mjs';
import { startPgBouncer } from './support/pgbouncer.mjs';
import { startPostgres } from './support/postgres.mjs';
import { describeWith } from './support/programs.mjs';

const imports = `
  import pg from 'pg';
  import Pool from 'pg-pool';
  import Cursor from 'pg-cursor';
  import QueryStream from 'pg-query-stream';
`;

let authority;
let identity;
let server;

before(async () => {
  authority = await createAuthority();
  identity = await authority.issue({ names: ['localhost'] });
  server = await startPostgres({ tls: identity });
});

after(() => server.stop());

const optionsOf = ({ host, port, user, password, database }) => ({ host, port, user, password, database });
const ways = {
  plaintext: { secure: false, opened: { plaintext: 4 } },
  // Each connection is a plaintext one first.
  TLS: { secure: true, opened: { plaintext: 4, 'TLSv1.3': 4 } },
};
const CLIENTS = 4;

const session = `
  const pool = new Pool({ ...options, max: ${CLIENTS} }, pg.Client);
  const { rows: [{ product }] } = await pool.query('SELECT 6 * $1::int AS product', [7]);
  const clients = await Promise.all(Array.from({ length: ${CLIENTS} }, () => pool.connect()));
  const pids = await Promise.all(clients.map((client) => client.query('SELECT pg_backend_pid() AS pid')));
  for (const client of clients) client.release();
  const table = 'numbers_' + process.pid;
  await pool.query('CREATE TABLE ' + table + ' (n int)');

  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('INSERT INTO ' + table + ' SELECT generate_series(0, 9999)');
  await client.query('COMMIT');
  await client.query('BEGIN');
  const cursor = client.query(new Cursor('SELECT n FROM ' + table + ' ORDER BY n'));
  const lengths = [];
  for (let rows; (rows = await cursor.read(4000)).length > 0; ) lengths.push(rows.length);
  await cursor.close();
  await client.query('ROLLBACK');

  await client.query('BEGIN');
  let sum = 0;
  for await (const { n } of client.query(new QueryStream('SELECT n FROM ' + table, [], { batchSize: 100 }))) sum += n;
  const early = client.query(new QueryStream('SELECT generate_series(1, 1000000) AS n'));
  for await (const { n } of early) if (n === 10) break;
  await client.query('COMMIT');
  client.release();

  const text = 'x'.repeat(1 << 20);
  const { rows: [{ echo }] } = await pool.query('SELECT $1::text AS echo', [text]);
  const failure = await pool.query('SELECT nothing').catch((error) => error.code);
  await pool.query('DROP TABLE ' + table);
  await pool.end();
  return { product, lengths, sum, whole: echo === text, failure,
    backends: new Set(pids.map(({ rows }) => rows[0].pid)).size };
`;
const outcome = { product: 42, lengths: [4000, 4000, 2000], sum: 49_995_000, whole: true, failure: '42703' };

function assertSession({ value, error, opened, unhandled }, expected) {
  assert.equal(error, undefined);
  const { backends, ...rest } = value;
  assert.deepEqual(rest, outcome);
  const counts = {};
  for (const each of opened) counts[each] = (counts[each] ?? 0) + 1;
  assert.deepEqual(counts, expected);
  assert.deepEqual(unhandled, []);
  return backends;
}

describe('pg and PostgreSQL', () => {
  for (const [way, { secure, opened }] of Object.entries(ways)) {
    test(`${way}: a pool, a cursor, a stream that is read and one that is left, a large value, an error`, async () => {
      const options = { ...optionsOf(server), ...(secure && { ssl: { ca: authority.pem } }) };
      const answer = await runDriver({ imports, options, body: session });
      assert.equal(assertSession(answer, opened), CLIENTS);
    });
  }
});

describeWith(['pgbouncer'], 'pg and PgBouncer in transaction mode', () => {
  const BACKENDS = 2;
  let bouncer;

  before(async () => {
    bouncer = await startPgBouncer({ postgres: server, ...identity, settings: { default_pool_size: BACKENDS } });
  });

  after(() => bouncer?.stop());

  for (const [way, { secure, opened }] of Object.entries(ways)) {
    test(`${way}: a pool, a cursor, a stream that is read and one that is left, a large value, an error`, async () => {
      const options = { ...optionsOf(bouncer), ...(secure && { ssl: { ca: authority.pem } }) };
      const answer = await runDriver({ imports, options, body: session });
      assert.ok(assertSession(answer, opened) <= BACKENDS, 'more clients than backends');
    });
  }
});
