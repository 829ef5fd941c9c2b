// The stock postgres.js, routed by the preload, against PostgreSQL and against PgBouncer in transaction mode.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { runDriver } from './support/drivers.mjs';
import { startPgBouncer } from './support/pgbouncer.mjs';
import { startPostgres } from './support/postgres.mjs';
import { describeWith } from './support/programs.mjs';
import { overTls, refusedPort, serve, sink } from './support/servers.mjs';

const imports = "import postgres from 'postgres';";
const routes = { postgres: true };

let authority;
let identity;
let server;

before(async () => {
  authority = await createAuthority();
  identity = await authority.issue({ names: ['localhost'] });
  server = await startPostgres({ tls: identity });
});

after(() => server.stop());

const optionsOf = ({ host, port, user: username, password, database }) => ({
  host,
  port,
  username,
  password,
  database,
});
// Its Workers build has no way to name an authority: trust comes from the environment.
const ways = { plaintext: { ssl: false, opened: 'plaintext' }, TLS: { ssl: 'require', opened: 'TLSv1.3' } };

const session = `
  const sql = postgres({ ...options, max: 4, onnotice() {} });
  const [{ product }] = await sql\`SELECT 6 * \${7}::int AS product\`;
  const backends = await Promise.all(
    Array.from({ length: 20 }, () => sql\`SELECT pg_backend_pid() AS pid, pg_sleep(0.01)\`),
  );
  const text = 'x'.repeat(1 << 20);
  const [{ echo }] = await sql\`SELECT \${text}::text AS echo\`;
  const table = sql('numbers_' + process.pid);
  await sql\`CREATE TABLE \${table} (n int)\`;
  await sql.begin(async (sql) => {
    await sql\`INSERT INTO \${table} \${sql(Array.from({ length: 1000 }, (_, n) => ({ n })))}\`;
  });
  await sql.begin(async (sql) => {
    await sql\`DELETE FROM \${table}\`;
    throw new Error('given up');
  }).catch((error) => error.message === 'given up' || Promise.reject(error));
  const [{ sum }] = await sql\`SELECT sum(n)::int AS sum FROM \${table}\`;
  const chunks = [];
  await sql\`SELECT n FROM \${table} ORDER BY n\`.cursor(300, (rows) => { chunks.push(rows.length); });
  await sql\`DROP TABLE \${table}\`;
  const failure = await sql\`SELECT nothing\`.catch((error) => error.code);
  await sql.end();
  return { product, whole: echo === text, sum, chunks, failure, backends: new Set(backends.map(([{ pid }]) => pid)).size };
`;
const outcome = { product: 42, whole: true, sum: 499_500, chunks: [300, 300, 300, 100], failure: '42703' };

function assertSession({ value, error, opened, unhandled }, spoken) {
  assert.equal(error, undefined);
  const { backends, ...rest } = value;
  assert.deepEqual(rest, outcome);
  assert.ok(backends >= 1 && backends <= 4, String(backends));
  // One connection of its own for each of the four, all upgraded or none.
  assert.equal(opened.filter((each) => each === spoken).length, 4, String(opened));
  assert.deepEqual(unhandled, []);
}

// An ES module, which old releases of Node 20 and 22 cannot require; there the preload says so.
const fromCommonJs = { skip: !process.features.require_module && 'this Node cannot require() ES modules' };

const killedBackend = `
  const sql = postgres({ ...options, max: 1 });
  const killer = postgres({ ...options, max: 1 });
  const [{ pid }] = await sql\`SELECT pg_backend_pid() AS pid\`;
  const sleeping = sql\`SELECT pg_sleep(600)\`.catch((error) => error.code);
  const asleep = () => killer\`SELECT 1 FROM pg_stat_activity WHERE pid = \${pid} AND wait_event = 'PgSleep'\`;
  while ((await asleep()).count === 0);
  await killer\`SELECT pg_terminate_backend(\${pid})\`;
  const codes = [await sleeping];
  // The driver fails one query more, with the error that the backend sent.
  const next = () => sql\`SELECT pg_backend_pid() AS pid\`.then(([row]) => row.pid, (error) => error.code);
  let answer;
  while (typeof (answer = await next()) === 'string') codes.push(answer);
  await Promise.all([sql.end(), killer.end()]);
  return { codes, recovered: answer !== pid };
`;

describe('postgres.js and PostgreSQL', () => {
  for (const [way, { ssl, opened }] of Object.entries(ways)) {
    test(`${way}: parameters, transactions, cursors, errors, and large values over a pool`, async () => {
      const options = { ...optionsOf(server), ssl };
      const answer = await runDriver({ imports, routes, ca: authority.pem, options, body: session });
      assertSession(answer, opened);
      assert.equal(answer.value.backends, 4);
    });

    test(`${way}: LISTEN and NOTIFY`, async () => {
      const { value, unhandled } = await runDriver({
        imports,
        routes,
        ca: authority.pem,
        options: { ...optionsOf(server), ssl },
        body: `
          const sql = postgres(options);
          const heard = new Promise((resolve) => sql.listen('news', resolve).then(() => sql.notify('news', 'all well')));
          const news = await heard;
          await sql.end();
          return news;
        `,
      });
      assert.equal(value, 'all well');
      assert.deepEqual(unhandled, []);
    });

    test(`${way}: a killed backend is met as over node:net`, async () => {
      const options = { ...optionsOf(server), ssl };
      const [ours, theirs] = await Promise.all(
        [true, false].map((postgres) =>
          runDriver({ imports, routes: { postgres }, ca: authority.pem, options, body: killedBackend }),
        ),
      );
      assert.deepEqual(ours.value, theirs.value);
      assert.equal(ours.value.recovered, true);
      assert.deepEqual([ours.error, ours.unhandled, theirs.opened], [undefined, [], []]);
    });
  }

  test('from CommonJS it is the same function, and works', fromCommonJs, async () => {
    const { value, opened } = await runDriver({
      imports: `import { createRequire } from 'node:module'; import imported from 'postgres';
        const postgres = createRequire(import.meta.url)('postgres');`,
      routes,
      options: optionsOf(server),
      body: `
        const sql = postgres(options);
        const [{ one }] = await sql\`SELECT 1 AS one\`;
        await sql.end();
        return { one, same: postgres === imported };
      `,
    });
    assert.deepEqual(value, { one: 1, same: true });
    assert.deepEqual(opened, ['plaintext']);
  });
});

describe('postgres.js and a server that', () => {
  /** One query, and another one after it failed; with the retries of the driver cut short. */
  async function queryTwice(options, { ca } = {}) {
    const { value, unhandled } = await runDriver({
      imports,
      routes,
      ca,
      options: { username: 'u', database: 'd', connect_timeout: 5, backoff: 0, ...options },
      body: `
        const sql = postgres(options);
        const attempt = () => sql\`SELECT 1\`.then(() => 'answered', (error) => error.code);
        const codes = [await attempt(), await attempt()];
        await sql.end();
        return codes;
      `,
    });
    assert.deepEqual(unhandled, []);
    return value;
  }

  for (const ssl of [false, 'require']) {
    const way = ssl ? 'TLS' : 'plaintext';

    test(`refuses connections (${way}) fails each query with the code`, async () => {
      const port = await refusedPort();
      assert.deepEqual(await queryTwice({ host: '127.0.0.1', port, ssl }), ['ECONNREFUSED', 'ECONNREFUSED']);
    });
  }

  test('closes instead of answering the wish for TLS is asked again', async (t) => {
    const moody = await serve((socket) => {
      if (moody.connections.length === 1) socket.resume().once('data', () => socket.end());
      // The end of either is the end of both, and may be a reset: the server does not wait for a close_notify.
      else pipeline(socket, connect(server.port, 'localhost'), socket, () => {});
    });
    t.after(() => moody.close());
    const options = { ...optionsOf({ ...server, port: moody.port }), ssl: 'require', backoff: 0 };
    const { value, opened, unhandled } = await runDriver({
      imports,
      routes,
      ca: authority.pem,
      options,
      body: `
        const sql = postgres(options);
        const [{ one }] = await sql\`SELECT 1 AS one\`;
        await sql.end();
        return one;
      `,
    });
    assert.equal(value, 1);
    assert.deepEqual(opened, ['plaintext', 'plaintext', 'TLSv1.3']);
    assert.deepEqual(unhandled, []);
  });

  test('is not trusted fails each query with the code, and is told nothing', async (t) => {
    const secure = overTls({ cert: identity.cert, key: identity.key }, sink());
    const untrusted = await serve((socket, log) => {
      socket.once('data', (request) => {
        socket.pause();
        log.commands.push(request.toString('hex'));
        socket.write('S');
        secure(socket, log);
      });
      socket.resume();
    });
    t.after(() => untrusted.close());
    const codes = await queryTwice({ host: 'localhost', port: untrusted.port, ssl: 'require' });
    assert.deepEqual(codes, ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
    for (const { commands, bytes } of untrusted.connections) {
      assert.deepEqual(commands, ['0000000804d2162f']);
      assert.equal(bytes, 0);
    }
  });
});

describeWith(['pgbouncer'], 'postgres.js and PgBouncer in transaction mode', () => {
  let bouncer;

  before(async () => {
    bouncer = await startPgBouncer({ postgres: server, ...identity, settings: { default_pool_size: 3 } });
  });

  after(() => bouncer?.stop());

  for (const [way, { ssl, opened }] of Object.entries(ways)) {
    test(`${way}: parameters, transactions, cursors, errors, and large values over a pool`, async () => {
      // Named statements belong to one backend, and here the next transaction may get another one.
      const options = { ...optionsOf(bouncer), ssl, prepare: false };
      const answer = await runDriver({ imports, routes, ca: authority.pem, options, body: session });
      assertSession(answer, opened);
      assert.ok(answer.value.backends <= 3);
    });
  }
});
