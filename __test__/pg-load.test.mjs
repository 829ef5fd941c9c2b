// A pool of pg through a restart of its server, killed backends, and a restart of PgBouncer, in the middle of its load: one over
// node:net and one over this package go through the same, at the same time.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createAuthority } from './support/certs.mjs';
import { startPgBouncer } from './support/pgbouncer.mjs';
import { startPostgres } from './support/postgres.mjs';
import { cleanEnv } from './support/process.mjs';
import { describeWith } from './support/programs.mjs';

const limit = { timeout: 120_000 };
const program = fileURLToPath(new URL('./pg-load/program.mjs', import.meta.url));
const implementations = {
  'node:net': { execArgv: [], streams: ['Socket', 'TLSSocket'] },
  'winter-sockets': { execArgv: ['--import', 'winter-sockets/register'], streams: ['CloudflareSocket'] },
};

// How a query may fail that meets the end of its connection, or finds no server. pg itself says the message.
const LOST = ['Connection terminated unexpectedly', 'ECONNRESET', 'EPIPE'];
// A server that goes without the goodbye of TLS; to node:tls that is an end like any other.
const CUT = ['ERR_SOCKET_TLS_TRUNCATED'];
const ABSENT = ['ECONNREFUSED'];

let authority;
let identity;
let server;

before(async () => {
  authority = await createAuthority();
  identity = await authority.issue({ names: ['localhost'] });
  server = await startPostgres({ tls: identity });
});

after(() => server.stop());

/** Puts both under load, lets `happen` happen to them, and checks what became of each. */
async function compare(t, { host, port, user, password, database }, secure, happen, expected) {
  const options = { host, port, user, password, database, ...(secure && { ssl: { ca: authority.pem } }) };
  const children = Object.entries(implementations).map(([name, { execArgv, streams }]) => {
    const child = fork(program, [JSON.stringify(options)], { execArgv, env: cleanEnv() });
    t.after(() => child.kill('SIGKILL'));
    return { name, child, streams, exited: once(child, 'exit') };
  });
  const said = ({ name, child, exited }) =>
    Promise.race([
      once(child, 'message').then(([message]) => message),
      exited.then(([code]) => Promise.reject(new Error(`the load over ${name} ended with code ${code}`))),
    ]);

  for (const message of await Promise.all(children.map(said))) assert.equal(message, 'loaded');
  await happen();
  const reports = children.map(said);
  for (const { child } of children) child.send('finish');

  for (const [index, report] of (await Promise.all(reports)).entries()) {
    const { name, exited, streams } = children[index];
    t.diagnostic(`${name}: ${JSON.stringify(report)}`);
    assert.ok(streams.includes(report.stream), report.stream);
    assert.equal(report.settled, report.started, `${name}: every query settles`);
    assert.equal(report.descriptors, 0, `${name}: every descriptor is returned`);
    assert.deepEqual(report.unhandled, [], name);
    // No client is ever at rest: what goes wrong goes wrong for a query, once.
    assert.deepEqual(report.idle, {}, `${name}: no error comes without a query`);
    const kinds = Object.keys(report.failures);
    assert.notEqual(kinds.length, 0, `${name}: it was noticed`);
    const known = secure && name !== 'node:net' ? [...expected, ...CUT] : expected;
    for (const kind of kinds) assert.ok(known.includes(kind), `${name}: ${kind} is not among ${known.join(', ')}`);
    assert.deepEqual(await exited, [0, null], `${name}: the process ends`);
  }
}

for (const secure of [false, true]) {
  const way = secure ? 'TLS' : 'plaintext';

  describe(`a pool under load, ${way}`, limit, () => {
    test('goes on after its server was restarted', async (t) => {
      // 57P01 is said to those connected, 57P03 to those who come while it starts.
      await compare(t, server, secure, () => server.restart(), [...LOST, ...ABSENT, '57P01', '57P03']);
    });

    test('goes on while its backends are killed', async (t) => {
      const killer = new pg.Client({ ...server });
      await killer.connect();
      t.after(() => killer.end());
      const others = 'FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()';
      const kill = async () => {
        for (let killed = 0; killed < 100; ) {
          killed += (await killer.query(`SELECT pg_terminate_backend(pid) ${others}`)).rowCount;
        }
      };
      await compare(t, server, secure, kill, [...LOST, '57P01']);
    });
  });

  describeWith(['pgbouncer'], `a pool under load behind PgBouncer, ${way}`, () => {
    for (const [what, signal] of Object.entries({
      'was restarted': 'SIGTERM',
      'was killed and started again': 'SIGKILL',
    })) {
      test(`goes on after PgBouncer ${what}`, limit, async (t) => {
        const bouncer = await startPgBouncer({ postgres: server, ...identity });
        t.after(() => bouncer.stop());
        await compare(t, bouncer, secure, () => bouncer.restart(signal), [...LOST, ...ABSENT]);
      });
    }
  });
}
