// What a user of pg may ask of it, and what comes of it over node:net and over this package: the rows of the table in
// docs/pg.md. `point` is the first column, `net` and `here` are the others, or `both` where there is no difference. `sees` is
// what `run` has to return, as `[over node:net, over this package]` where they differ.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import copy from 'pg-copy-streams';
import { terminate, timerOf, untilActive, withClient, withPool } from './work.mjs';

const sleep = 'SELECT pg_sleep(600)';

export const differences = {
  unixSocket: {
    point: 'a folder as `host`: a Unix socket',
    net: 'connects',
    here: '`ERR_INVALID_ARG_VALUE`: pg-cloudflare knows host and port only. Use TCP',
    sees: ['connected', 'ERR_INVALID_ARG_VALUE'],
    run: ({ pg, plain, folder }) => withClient(pg, { ...plain, host: folder }),
  },

  ipv6: {
    point: 'an IPv6 address as `host`',
    net: '`::1`',
    here: '`[::1]`, with brackets: pg-cloudflare joins host and port by a colon',
    sees: [['::1'], ['[::1]']],
    async run({ pg, refused }) {
      const understood = [];
      for (const host of ['::1', '[::1]']) {
        // Nobody listens there: an address that is understood is refused.
        if ((await withClient(pg, { ...refused, host })) === 'ECONNREFUSED') understood.push(host);
      }
      return understood;
    },
  },

  endAfterFailure: {
    point: '`await client.end()` after a `connect()` that failed by its address, as in these two rows',
    net: 'resolves',
    here: 'never resolves. Skip it where `connect()` failed: there is nothing to end',
    sees: ['resolves', 'never'],
    async run({ pg, plain }) {
      const client = new pg.Client({ ...plain, host: 'no host' });
      client.on('error', () => {});
      await client.connect().catch(() => {});
      return new Promise((resolve) => {
        client.end().then(() => resolve('resolves'));
        process.once('beforeExit', () => resolve('never'));
      });
    },
  },

  allowExitOnIdle: {
    point: '`allowExitOnIdle: true`',
    net: 'idle clients let the process end',
    here: 'no effect: `unref()` of pg-cloudflare does nothing. The process ends when `idleTimeoutMillis` has closed the clients, by default after 10 s, or after `pool.end()`',
    sees: ['ends', 'stays'],
    async run({ pg, plain }) {
      const pool = new pg.Pool({ ...plain, allowExitOnIdle: true, idleTimeoutMillis: 0 });
      await pool.query('SELECT 1');
      // These timers do not keep the process alive: that the last one runs is proof that something else does.
      const outcome = await new Promise((resolve) => {
        let turns = 0;
        const turn = () => (++turns === 20 ? resolve('stays') : setTimeout(turn, 10).unref());
        process.once('beforeExit', () => resolve('ends'));
        turn();
      });
      await pool.end();
      return outcome;
    },
  },

  keepAlive: {
    point: '`keepAlive: true`',
    net: 'the system probes connections that are idle',
    here: 'no effect: `setKeepAlive()` of pg-cloudflare does nothing. The next row does it',
    sees: [2, 0],
    needs: 'linux',
    run: ({ pg, plain }) => withClient(pg, { ...plain, keepAlive: true }, (client) => timerOf(client, plain.port)),
  },

  keepAliveByHost: {
    point: '`"default": { "keepAlive": 60000 }` in [the file of the host](bindings.md#without-code)',
    net: 'no effect',
    here: 'the system probes connections that are idle',
    sees: [0, 2],
    needs: 'linux',
    config: { default: { keepAlive: 60_000 } },
    run: ({ pg, plain }) => withClient(pg, plain, (client) => timerOf(client, plain.port)),
  },

  channelBinding: {
    point: '`enableChannelBinding: true`',
    net: 'SCRAM-SHA-256-PLUS',
    here: 'fails, since pg-cloudflare does not hand out the certificate. Leave it out: SCRAM-SHA-256 works',
    sees: [
      ['connected', 'connected'],
      ['SASL: Mechanism SCRAM-SHA-256-PLUS requires a certificate', 'connected'],
    ],
    run: async ({ pg, secure }) => [
      await withClient(pg, { ...secure, enableChannelBinding: true }),
      await withClient(pg, secure),
    ],
  },

  direct: {
    point: "`sslnegotiation: 'direct'`",
    net: 'connects',
    here: 'fails: pg-cloudflare upgrades while it reads. Leave it out',
    sees: ['connected', 'ERR_INVALID_STATE'],
    run: ({ pg, secure }) => withClient(pg, { ...secure, sslnegotiation: 'direct' }),
  },

  ciphers: {
    point: '`ssl: { ciphers }`, and [others that are refused](tls.md#every-option-of-tlsconnect)',
    net: 'honoured',
    here: '`ERR_INVALID_ARG_VALUE`',
    sees: ['connected', 'ERR_INVALID_ARG_VALUE'],
    run: ({ pg, secure }) => withClient(pg, { ...secure, ssl: { ...secure.ssl, ciphers: 'ECDHE+AESGCM' } }),
  },

  rejectUnauthorizedVariable: {
    point: '`NODE_TLS_REJECT_UNAUTHORIZED=0`',
    net: 'turns verification off in the whole process',
    here: 'no effect. `ssl: { rejectUnauthorized: false }` turns it off for a client',
    sees: [
      ['connected', 'connected'],
      ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'connected'],
    ],
    env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    run: async ({ pg, plain }) => [
      await withClient(pg, { ...plain, ssl: {} }),
      await withClient(pg, { ...plain, ssl: { rejectUnauthorized: false } }),
    ],
  },

  clientTimeout: {
    point: '`connectionTimeoutMillis` of a client',
    net: 'fails: `timeout expired`',
    here: 'fails in the same time: `Connection terminated unexpectedly`',
    sees: ['timeout expired', 'Connection terminated unexpectedly'],
    run: ({ pg, silent }) => withClient(pg, { ...silent, connectionTimeoutMillis: 100 }),
  },

  cutOff: {
    point: 'a connection over TLS that is cut off without the goodbye of TLS',
    net: 'an end like any other: `Connection terminated unexpectedly`',
    here: '`ERR_SOCKET_TLS_TRUNCATED`',
    sees: ['Connection terminated unexpectedly', 'ERR_SOCKET_TLS_TRUNCATED'],
    run: ({ pg, secure, cutOff }) => withClient(pg, { ...secure, ...cutOff }),
  },

  errorClass: {
    point: 'the error of a connection that is refused',
    net: '`Error` with `code`, `syscall`, `address`, `port`',
    here: '`SocketError`, a TypeError, with the same four',
    sees: [
      ['Error', 'ECONNREFUSED', 'connect', '127.0.0.1', true],
      ['SocketError', 'ECONNREFUSED', 'connect', '127.0.0.1', true],
    ],
    async run({ pg, refused }) {
      const { name, code, syscall, address, port } = await new pg.Client(refused).connect().catch((error) => error);
      return [name, code, syscall, address, port === refused.port];
    },
  },

  stream: {
    point: '`client.connection.stream`',
    net: 'a `net.Socket` or `tls.TLSSocket`',
    here: 'a `CloudflareSocket`, with `write()` and `end()` but without the rest. [Diagnostics channels](diagnostics.md) tell addresses, TLS version and certificate',
    sees: [
      ['TLSSocket', true, true],
      ['CloudflareSocket', false, false],
    ],
    run: ({ pg, secure }) =>
      withClient(pg, secure, ({ connection: { stream } }) => [
        stream.constructor.name,
        'getPeerCertificate' in stream,
        'pause' in stream,
      ]),
  },

  backPressure: {
    point: 'back-pressure of large statements',
    net: '`stream.write()` says false until the server has taken enough; pg does not ask',
    here: 'always true: what waits, waits in memory',
    sees: [true, false],
    run: ({ pg, plain }) =>
      withClient(pg, plain, async (client) => {
        const { stream } = client.connection;
        const answers = [];
        const write = stream.write.bind(stream);
        stream.write = (...args) => {
          answers.push(write(...args));
          return answers.at(-1);
        };
        await client.query('SELECT $1::text', ['x'.repeat(4 << 20)]);
        return answers.includes(false);
      }),
  },

  copyTo: {
    point: '`COPY ... TO STDOUT` by pg-copy-streams',
    net: 'works',
    here: 'a TypeError that ends the process: it needs `stream.pause()`. Use pg-cursor or pg-query-stream; `COPY ... FROM STDIN` works',
    sees: [4, 'connectionStream.pause is not a function'],
    run: ({ pg, plain }) =>
      withClient(pg, plain, async (client) => {
        const uncaught = new Promise((resolve) => process.once('uncaughtException', ({ message }) => resolve(message)));
        const rows = client.query(copy.to('COPY (SELECT 1 FROM generate_series(1, 2)) TO STDOUT'));
        const length = rows.toArray().then((chunks) => Buffer.concat(chunks).length);
        return Promise.race([length, uncaught]);
      }),
  },
};

export const agreements = {
  copyFrom: {
    point: '`COPY ... FROM STDIN` by pg-copy-streams',
    both: 'works',
    sees: 50_000,
    run: ({ pg, plain }) =>
      withClient(pg, plain, async (client) => {
        await client.query('CREATE TEMPORARY TABLE lines (text text)');
        const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index} ${'x'.repeat(100)}\n`);
        await pipeline(Readable.from(lines), client.query(copy.from('COPY lines FROM STDIN')));
        const { rows } = await client.query('SELECT count(*)::int AS count FROM lines');
        return rows[0].count;
      }),
  },

  poolTimeout: {
    point: '`connectionTimeoutMillis` of a pool',
    both: '`Connection terminated due to connection timeout`',
    sees: 'Connection terminated due to connection timeout',
    run: ({ pg, silent }) =>
      withPool(pg, { ...silent, connectionTimeoutMillis: 100 }, (pool) =>
        pool.connect().catch(({ message }) => message),
      ),
  },

  queryTimeout: {
    point: '`query_timeout`',
    both: '`Query read timeout`, in the client',
    sees: 'Query read timeout',
    run: ({ pg, plain }) => withClient(pg, { ...plain, query_timeout: 100 }, (client) => client.query(sleep)),
  },

  statementTimeout: {
    point: '`statement_timeout`, `lock_timeout`',
    both: '`57014`, `55P03`, from the server',
    sees: ['57014', '55P03'],
    run: async ({ pg, plain }) => [
      await withClient(pg, { ...plain, statement_timeout: 100 }, (client) => client.query(sleep)),
      await withClient(pg, plain, async (holder) => {
        await holder.query('SELECT pg_advisory_lock(1)');
        const wait = (client) => client.query('SELECT pg_advisory_lock(1)');
        return withClient(pg, { ...plain, lock_timeout: 100 }, wait);
      }),
    ],
  },

  idleInTransaction: {
    point: '`idle_in_transaction_session_timeout`',
    both: 'the client emits an error, `25P03`',
    sees: '25P03',
    run: ({ pg, plain }) =>
      withClient(pg, { ...plain, idle_in_transaction_session_timeout: 50 }, async (client) => {
        const failed = new Promise((resolve) => client.once('error', ({ code }) => resolve(code)));
        await client.query('BEGIN');
        return failed;
      }),
  },

  cancel: {
    point: '`client.cancel()` of a query that runs',
    both: '`57014`, and the connection goes on to be used',
    sees: ['57014', 2],
    run: ({ pg, plain }) =>
      withClient(pg, plain, async (client) => {
        const query = new pg.Query(sleep);
        const failed = new Promise((resolve) => query.once('error', ({ code }) => resolve(code)));
        client.query(query);
        await untilActive(pg, plain, sleep);
        new pg.Client(plain).cancel(client, query);
        return [await failed, (await client.query('SELECT 2 AS two')).rows[0].two];
      }),
  },

  idleTimeout: {
    point: '`idleTimeoutMillis`, `maxLifetimeSeconds`',
    both: 'the connection is closed, the next query opens another',
    sees: [
      [0, true],
      [0, true],
    ],
    async run({ pg, plain }) {
      const outcomes = [];
      for (const limit of [{ idleTimeoutMillis: 10 }, { maxLifetimeSeconds: 1, idleTimeoutMillis: 0 }]) {
        const outcome = await withPool(pg, { ...plain, ...limit }, async (pool) => {
          const removed = new Promise((resolve) => pool.once('remove', resolve));
          const pid = async () => (await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
          const first = await pid();
          await removed;
          return [pool.totalCount, (await pid()) !== first];
        });
        outcomes.push(outcome);
      }
      return outcomes;
    },
  },

  killedIdle: {
    point: 'a backend that is killed while its client is idle in a pool',
    both: 'the pool emits an error, `57P01`, and the next query opens another connection',
    sees: ['57P01', 3],
    run: ({ pg, plain }) =>
      withPool(pg, plain, async (pool) => {
        const failed = new Promise((resolve) => pool.once('error', ({ code }) => resolve(code)));
        const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
        await terminate(pg, plain, rows[0].pid);
        return [await failed, (await pool.query('SELECT 3 AS three')).rows[0].three];
      }),
  },

  certificates: {
    point: '`ssl: { ca }`, `ssl: {}`, `ssl: true` with a certificate nobody vouches for',
    both: 'connects; `UNABLE_TO_VERIFY_LEAF_SIGNATURE`, twice',
    sees: ['connected', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    run: async ({ pg, plain, secure }) => [
      await withClient(pg, secure),
      await withClient(pg, { ...plain, ssl: {} }),
      await withClient(pg, { ...plain, ssl: true }),
    ],
  },

  withoutTls: {
    point: '`ssl` towards a server without TLS',
    both: '`The server does not support SSL connections`',
    sees: 'The server does not support SSL connections',
    run: ({ pg, plaintextOnly }) => withClient(pg, { ...plaintextOnly, ssl: true }),
  },

  password: {
    point: 'a wrong password, a database that is not there',
    both: '`28P01`, `3D000`',
    sees: ['28P01', '3D000'],
    run: async ({ pg, plain }) => [
      await withClient(pg, { ...plain, password: 'wrong' }),
      await withClient(pg, { ...plain, database: 'absent' }),
    ],
  },
};

export const scenarios = { ...differences, ...agreements };

/** What is to be seen over node:net and over this package. */
export function expected(name) {
  const { sees } = scenarios[name];
  return name in differences ? { net: sees[0], here: sees[1] } : { net: sees, here: sees };
}
