// The preload, on this Node and on one of each major that is supported.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { root } from './support/process.mjs';
import { fixture, nodes, register, runProgram, runWell, withRoutes } from './support/register.mjs';

const require = createRequire(import.meta.url);

const ways = {
  '--import': { flags: ['--import', register] },
  '--require': { flags: ['--require', register] },
  NODE_OPTIONS: { flags: [], env: { NODE_OPTIONS: `--import ${register}` } },
  'all at once': {
    flags: ['--require', register, '--import', register],
    env: { NODE_OPTIONS: `--import ${register}` },
  },
};

let server;
let folder;
let plaintext;
let secured;
let postgresOptions;
let everyRoute;

before(async () => {
  const authority = await createAuthority();
  server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
  const { host, port, user, password, database } = server;
  plaintext = { host, port, user, password, database };
  secured = { ...plaintext, ssl: { ca: authority.pem } };
  postgresOptions = JSON.stringify({ host, port, username: user, password, database });
  folder = mkdtempSync(join(tmpdir(), 'winter-sockets-register-'));
  everyRoute = withRoutes(folder, { pg: true, postgres: true });
});

after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});

for (const { version, path: node, options, canRequire } of nodes) {
  const run = (program, { flags = [], env = {} } = {}, ...args) =>
    runProgram([...flags, program, ...args], { node, env });

  describe(`Node ${version}`, { concurrency: 2 }, () => {
    for (const [name, way] of Object.entries(ways)) {
      test(`${name}: both kinds of modules get this package by the name cloudflare:sockets`, options, async () => {
        assertAllTrue(await run(fixture('names.mjs'), { ...way, env: { ...way.env, ...everyRoute } }));
        assertAllTrue(await run(fixture('names.cjs'), way));
      });
    }

    for (const name of ['--import', '--require']) {
      const way = ways[name];

      test(`${name}: worker threads inherit it`, options, async () => {
        assertAllTrue(await run(fixture('worker.mjs'), way, './names.mjs'));
        const answer = await run(fixture('worker.mjs'), way, './query.mjs', JSON.stringify(plaintext));
        assert.equal(answer.stream, 'CloudflareSocket');
        const routed = { ...way, env: everyRoute };
        const { ours } = await run(fixture('worker.mjs'), routed, './postgres.mjs', postgresOptions);
        assert.equal(ours, true);
      });

      test(`${name}: nothing else in the process changes`, options, async () => {
        const program = fixture('bystander/surroundings.mjs');
        for (const env of [{}, everyRoute]) {
          assert.deepEqual(await run(program, { ...way, env }), await run(program, { env }));
        }
      });

      test(`${name}: no more is loaded than a process needs that uses none of it`, options, async () => {
        const { hasHooks, files, threads } = await run(fixture('loaded.cjs'), way);
        const more = hasHooks ? [] : ['lib/register/fallback.js', 'lib/register/rules.js'];
        assert.deepEqual(files, ['lib/register/index.js', ...more]);
        assert.equal(threads, !hasHooks);
      });

      for (const program of ['query.mjs', 'query.cjs']) {
        test(`${name}: ${program} reaches PostgreSQL through it`, options, async () => {
          const expected = { stream: 'CloudflareSocket', product: 42 };
          const overPlaintext = await run(fixture(program), way, JSON.stringify(plaintext));
          assert.deepEqual(overPlaintext, { ...expected, tls: false });
          const overTls = await run(fixture(program), way, JSON.stringify(secured));
          assert.deepEqual(overTls, { ...expected, tls: true });
        });
      }
    }

    test('pg is found in the layout of a package store', options, async () => {
      const { stream } = await run(makeStore(), ways['--import'], JSON.stringify(plaintext));
      assert.equal(stream, 'CloudflareSocket');
    });

    test('a pool of ten clients', options, async () => {
      const expected = { streams: ['CloudflareSocket'], backends: 10 };
      assert.deepEqual(await run(fixture('pool.mjs'), ways['--import'], JSON.stringify(secured)), expected);
    });

    test('the first import of a program is early enough for pg and import()', options, async () => {
      assert.deepEqual(await run(fixture('first-import.mjs')), { connect: true, stream: 'CloudflareSocket' });
    });

    test('after pg it warns, and leaves pg as it is', options, async () => {
      const { code, message, stream } = await run(fixture('late.cjs'), { flags: ['--no-warnings'] });
      assert.equal(code, 'WINTER_SOCKETS_PG_NOT_ROUTED');
      assert.match(message, /loaded before winter-sockets\/register.*\(.*pg.lib.stream\.js\)/);
      assert.equal(stream, 'Socket');
    });

    test('postgres.js goes over us when its route is on, and not by default', options, async () => {
      const routed = { ...ways['--import'], env: everyRoute };
      const viaImport = await run(fixture('postgres.mjs'), routed, postgresOptions);
      assert.deepEqual(viaImport, { product: 42, same: true, ours: true });
      const unasked = await run(fixture('postgres.mjs'), ways['--import'], postgresOptions);
      assert.deepEqual(unasked, { product: 42, same: true, ours: false });
      const { ours } = await run(fixture('postgres.cjs'), ways['--import'], postgresOptions);
      assert.equal(ours, false);
    });

    test('postgres.js is routed for require() too, where that can load it, as the same function', options, async () => {
      const routed = { ...ways['--import'], env: everyRoute };
      const viaRequire = await run(fixture('postgres.cjs'), routed, postgresOptions);
      assert.deepEqual(viaRequire, { product: 42, same: canRequire, ours: canRequire });
    });

    test('pg goes over node:net when its route is off, and cloudflare:sockets is still there', options, async () => {
      const off = { ...ways['--import'], env: withRoutes(folder, { pg: false }) };
      const { stream } = await run(fixture('query.mjs'), off, JSON.stringify(plaintext));
      assert.equal(stream, 'Socket');
      assertAllTrue(await run(fixture('names.mjs'), off));
    });

    test('NODE_DEBUG tells of each routed package once, and without it nothing is said', options, async () => {
      const lineOf = (name) =>
        new RegExp(`^WINTER-SOCKETS \\d+: routing ${name} through cloudflare:sockets \\(.*\\)\\n$`);
      for (const [name, program, args] of [
        ['pg', 'query.cjs', JSON.stringify(plaintext)],
        ['pg', 'query.mjs', JSON.stringify(plaintext)],
        ['postgres', 'postgres.mjs', postgresOptions],
      ]) {
        const command = [...ways['--import'].flags, fixture(program), args];
        const told = await runWell(command, { node, env: { ...everyRoute, NODE_DEBUG: 'winter-sockets' } });
        assert.match(told.stderr, lineOf(name));
        const untold = await runWell(command, { node, env: everyRoute });
        assert.equal(untold.stderr, '');
      }
    });
  });
}

/** A program that finds `pg` as a link to a folder of another name, as some package managers lay them out. */
function makeStore() {
  const project = mkdtempSync(join(folder, 'store-'));
  const store = join(project, 'store', 'entry');
  const driver = join(store, 'files');
  mkdirSync(join(store, 'node_modules'), { recursive: true });
  mkdirSync(join(project, 'node_modules'));
  cpSync(dirname(require.resolve('pg/package.json')), driver, { recursive: true });
  const { dependencies, optionalDependencies } = require('pg/package.json');
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
    symlinkSync(join(root, 'node_modules', dependency), join(store, 'node_modules', dependency));
  }
  symlinkSync(driver, join(project, 'node_modules', 'pg'));
  const program = join(project, 'query.cjs');
  cpSync(fixture('query.cjs'), program);
  return program;
}

function assertAllTrue(answers) {
  for (const [name, answer] of Object.entries(answers)) assert.equal(answer, true, name);
}
