// The stock pg, through its own pg-cloudflare shim and the preload: what it sees when the server is not to be trusted, goes
// away, or was never there. Each case runs in a process of its own, which has to end by itself.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { createAuthority, inDays, selfSigned } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { inline, runNode, until } from './support/process.mjs';
import { closer, overTls, refusedPort, serve, sink } from './support/servers.mjs';

/** Runs `body` with a `client` that is not connected yet, and gives what it returns or the error it throws. */
async function withClient(options, body) {
  const { code, stdout, stderr } = await runNode([
    '--import',
    'winter-sockets/register',
    ...inline(`
      import pg from 'pg';
      const unhandled = [];
      process.on('unhandledRejection', (reason) => unhandled.push(String(reason)));
      const client = new pg.Client(${JSON.stringify(options)});
      const errors = [];
      client.on('error', (error) => errors.push({ name: error.name, code: error.code, message: error.message }));
      let outcome;
      try {
        outcome = { value: await (async () => { ${body} })() };
      } catch (error) {
        outcome = { error: { name: error.name, code: error.code, message: error.message } };
      }
      const stream = client.connection.stream.constructor.name;
      process.on('exit', () => console.log(JSON.stringify({ ...outcome, errors, unhandled, stream })));
    `),
  ]);
  assert.equal(code, 0, stderr);
  const outcome = JSON.parse(stdout);
  assert.equal(outcome.stream, 'CloudflareSocket');
  assert.deepEqual(outcome.unhandled, []);
  return outcome;
}

const connectAndEnd = 'await client.connect(); await client.end();';

/** A server that agrees to TLS as PostgreSQL does, and records what comes through it. */
function agreeToTls(identity) {
  const secure = overTls({ cert: identity.chain ?? identity.cert, key: identity.key }, sink());
  return async (socket, log) => {
    const arrived = once(socket.resume(), 'data');
    const [request] = await arrived;
    socket.pause();
    log.commands.push(request.toString('hex'));
    socket.write('S');
    secure(socket, log);
  };
}

const SSL_REQUEST = '0000000804d2162f';

describe('a server that is not to be trusted', () => {
  const cases = [
    ['an authority nobody trusts', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', () => otherAuthority.issue()],
    ['another name', 'ERR_TLS_CERT_ALTNAME_INVALID', () => authority.issue({ names: ['other.test'] })],
    ['a certificate that has expired', 'CERT_HAS_EXPIRED', () => authority.issue({ notAfter: inDays(-1) })],
    ['a certificate that is not valid yet', 'CERT_NOT_YET_VALID', () => authority.issue({ notBefore: inDays(1) })],
    ['a self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT', () => selfSigned({ names: ['localhost'] })],
  ];
  let authority;
  let otherAuthority;

  before(async () => {
    authority = await createAuthority();
    otherAuthority = await createAuthority('Other Authority');
  });

  for (const [what, code, identity] of cases) {
    test(`${what}: connect() fails with ${code}, and nothing of the protocol was sent`, async (t) => {
      const server = await serve(agreeToTls(await identity()));
      t.after(() => server.close());
      const options = { host: 'localhost', port: server.port, user: 'u', password: 'secret', database: 'd' };

      const { error } = await withClient({ ...options, ssl: { ca: authority.pem } }, connectAndEnd);

      assert.equal(error.name, 'SocketError');
      assert.equal(error.code, code);
      const log = await server.connection(0);
      await log.closed;
      assert.deepEqual(log.commands, [SSL_REQUEST]);
      assert.equal(log.bytes, 0);
    });
  }
});

describe('a server that is not there', () => {
  test('a refused connection fails connect() with its code', async () => {
    const { error } = await withClient({ host: '127.0.0.1', port: await refusedPort(), user: 'u' }, connectAndEnd);
    assert.equal(error.code, 'ECONNREFUSED');
    assert.match(error.message, /^SocketError: connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
  });

  test('one that closes at once fails connect()', async (t) => {
    const server = await serve(closer());
    t.after(() => server.close());
    const { error } = await withClient({ host: '127.0.0.1', port: server.port, user: 'u' }, connectAndEnd);
    assert.match(error.message, /Connection terminated unexpectedly/);
  });

  test('a Unix socket path is an error and no crash', async () => {
    const { error } = await withClient({ host: '/var/run/postgresql', port: 5432, user: 'u' }, connectAndEnd);
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE');
  });

  test('key and certificate that cannot be parsed fail connect() and leave nothing open', async (t) => {
    const server = await serve(agreeToTls(await selfSigned({ names: ['localhost'] })));
    t.after(() => server.close());
    const ssl = { cert: 'no certificate', key: 'no key' };
    const { error } = await withClient({ host: 'localhost', port: server.port, user: 'u', ssl }, connectAndEnd);
    assert.equal(error.name, 'TypeError');
    assert.match(error.message, /options\.(cert|key)/);
    await (await server.connection(0)).closed;
  });
});

describe('a real server', () => {
  let server;
  let authority;
  let ways;

  before(async () => {
    authority = await createAuthority();
    server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
    const { host, port, user, password, database } = server;
    const plaintext = { host, port, user, password, database };
    ways = { plaintext, TLS: { ...plaintext, ssl: { ca: authority.pem } } };
  });

  after(() => server.stop());

  for (const way of ['plaintext', 'TLS']) {
    test(`${way}: end() resolves, pg says "end" once, and the process exits`, async () => {
      const { value } = await withClient(
        ways[way],
        `let ends = 0;
         client.on('end', () => ends++);
         await client.connect();
         const { rows } = await client.query('SELECT 1 AS one');
         await client.end();
         await new Promise(setImmediate);
         return { ends, rows };`,
      );
      assert.deepEqual(value, { ends: 1, rows: [{ one: 1 }] });
    });

    test(`${way}: a large statement and its large answer arrive complete`, async () => {
      const { value } = await withClient(
        ways[way],
        `await client.connect();
         const text = 'x'.repeat(3 << 20);
         const { rows } = await client.query('SELECT $1::text AS text', [text]);
         await client.end();
         return rows[0].text === text;`,
      );
      assert.equal(value, true);
    });

    test(`${way}: a backend that is killed fails the query that waits, and the client ends`, async () => {
      const { value, errors } = await withClient(
        ways[way],
        `await client.connect();
         const { rows: [{ pid }] } = await client.query('SELECT pg_backend_pid() AS pid');
         const sleeping = client.query('SELECT pg_sleep(600)').catch((error) => error);
         const killer = new pg.Client(${JSON.stringify(ways[way])});
         await killer.connect();
         while (!(await killer.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'", [pid])).rowCount);
         await killer.query('SELECT pg_terminate_backend($1)', [pid]);
         await killer.end();
         const failure = await sleeping;
         await client.end();
         return failure.code;`,
      );
      assert.equal(value, '57P01');
      for (const error of errors) assert.match(error.message, /terminat/);
    });
  }

  for (const way of ['plaintext', 'TLS']) {
    test(`${way}: a connection that is cut fails its query, and is told to the client once`, async (t) => {
      const proxy = await serve((socket) => {
        pipeline(socket, connect(server.port, 'localhost'), socket, () => {});
      });
      t.after(() => proxy.close());
      const watcher = new pg.Client(ways.plaintext);
      await watcher.connect();
      t.after(() => watcher.end());

      const outcome = withClient(
        { ...ways[way], port: proxy.port },
        `await client.connect();
         const failure = await client.query('SELECT pg_sleep(600), 1 AS "${way}"').catch((error) => error);
         await client.end();
         return failure.code;`,
      );
      // Not the one before it: a server that sleeps does not notice that its client has gone.
      const asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%' || $1 || '%'";
      await until(async () => (await watcher.query(asleep, [way])).rowCount > 0, { what: 'the query runs' });
      (await proxy.connection(0)).socket.resetAndDestroy();

      const { value, errors } = await outcome;
      assert.equal(value, 'ECONNRESET');
      assert.deepEqual(
        errors.map((error) => error.code),
        ['ECONNRESET'],
      );
    });
  }

  test('the names agree, whatever the case: one certificate, one host', async () => {
    const { value } = await withClient(
      { ...ways.TLS, host: 'LOCALHOST' },
      `await client.connect(); await client.end(); return 'connected';`,
    );
    assert.equal(value, 'connected');
  });

  test('ssl: { rejectUnauthorized: false } connects where ssl: {} does not', async () => {
    const trusting = await withClient({ ...ways.plaintext, ssl: { rejectUnauthorized: false } }, connectAndEnd);
    assert.equal(trusting.error, undefined);
    const distrusting = await withClient({ ...ways.plaintext, ssl: {} }, connectAndEnd);
    assert.equal(distrusting.error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });
});
