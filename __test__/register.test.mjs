// The preload, on this Node and on those that NODE_BINARIES names (paths, separated as in PATH).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAuthority } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { root, runNode } from './support/process.mjs';

const require = createRequire(import.meta.url);
const { asInWorker, resolve, resolveFilename } = require('../lib/register/rules.js');

const register = 'winter-sockets/register';
const withoutHooks = fixture('without-hooks.cjs');
// The way for Node without synchronous hooks is taken on every Node, so that one version tests both.
const ways = {
  '--import': { flags: ['--import', register] },
  '--require': { flags: ['--require', register] },
  NODE_OPTIONS: { flags: [], env: { NODE_OPTIONS: `--import ${register}` } },
  'no hooks, --import': { flags: ['--require', withoutHooks, '--import', register] },
  'no hooks, --require': { flags: ['--require', withoutHooks, '--require', register] },
};
const mechanisms = ['--import', 'no hooks, --import'].map((way) => [way, ways[way]]);
const nodes = [process.execPath, ...(process.env.NODE_BINARIES ?? '').split(delimiter).filter(Boolean)];

let server;
let folder;
let plaintext;
let secured;

before(async () => {
  const authority = await createAuthority();
  server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
  const { host, port, user, password, database } = server;
  plaintext = { host, port, user, password, database };
  secured = { ...plaintext, ssl: { ca: authority.pem } };
  folder = mkdtempSync(join(tmpdir(), 'winter-sockets-register-'));
});

after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});

for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const run = (program, { flags = [], env = {} } = {}, ...args) =>
    runProgram([...flags, program, ...args], { node, env });

  describe(`Node ${version}`, () => {
    for (const [name, way] of Object.entries(ways)) {
      for (const program of ['names.mjs', 'names.cjs']) {
        test(`${name}: ${program} gets this package by the name cloudflare:sockets`, async () => {
          assertAllTrue(await run(fixture(program), way));
        });
      }
    }

    for (const [name, way] of mechanisms) {
      test(`${name}: worker threads inherit it`, async () => {
        assertAllTrue(await run(fixture('worker.mjs'), way, './names.mjs'));
        const answer = await run(fixture('worker.mjs'), way, './query.mjs', JSON.stringify(plaintext));
        assert.equal(answer.stream, 'CloudflareSocket');
      });

      test(`${name}: nothing else in the process changes`, async () => {
        const program = fixture('bystander/surroundings.mjs');
        const withoutPreload = { flags: way.flags.slice(0, -2) };
        assert.deepEqual(await run(program, way), await run(program, withoutPreload));
      });

      for (const program of ['query.mjs', 'query.cjs']) {
        test(`${name}: ${program} reaches PostgreSQL through it`, async () => {
          const expected = { stream: 'CloudflareSocket', product: 42 };
          const overPlaintext = await run(fixture(program), way, JSON.stringify(plaintext));
          assert.deepEqual(overPlaintext, { ...expected, tls: false });
          const overTls = await run(fixture(program), way, JSON.stringify(secured));
          assert.deepEqual(overTls, { ...expected, tls: true });
        });
      }

      test(`${name}: pg is found in the layout of a package store`, async () => {
        const { stream } = await run(makeStore(), way, JSON.stringify(plaintext));
        assert.equal(stream, 'CloudflareSocket');
      });
    }

    test('a pool of ten clients', async () => {
      const expected = { streams: ['CloudflareSocket'], backends: 10 };
      assert.deepEqual(await run(fixture('pool.mjs'), ways['--import'], JSON.stringify(secured)), expected);
    });

    test('the first import of a program is early enough for pg and import()', async () => {
      assert.deepEqual(await run(fixture('first-import.mjs')), { connect: true, stream: 'CloudflareSocket' });
    });

    test('after pg it warns, and leaves pg as it is', async () => {
      const { code, message, stream } = await run(fixture('late.cjs'), { flags: ['--no-warnings'] });
      assert.equal(code, 'WINTER_SOCKETS_PG_NOT_ROUTED');
      assert.match(message, /loaded before winter-sockets\/register.*\(.*pg.lib.stream\.js\)/);
      assert.equal(stream, 'Socket');
    });

    test('NODE_DEBUG tells of every routed copy', async () => {
      const args = [...ways['--import'].flags, fixture('query.cjs'), JSON.stringify(plaintext)];
      const { stderr } = await runNode(args, { node, env: { NODE_DEBUG: 'winter-sockets' } });
      assert.match(stderr, /^WINTER-SOCKETS \d+: routing pg through cloudflare:sockets \(.*pg.lib.stream\.js\)\n$/);
    });
  });
}

describe('a pg that cannot be routed is left as it is, with a warning', () => {
  const cases = {
    'without pg-cloudflare': { reason: /pg-cloudflare cannot be loaded/, shim: null },
    'with a pg-cloudflare of another shape': { reason: /pg-cloudflare is empty here/, shim: {} },
    'older than its support': { reason: /this version has no support/, shim: {}, source: "exports.route = 'net';" },
  };
  const choosing = "exports.route = navigator.userAgent === 'Cloudflare-Workers' ? 'routed' : 'net';";

  for (const [name, { reason, shim, source = choosing }] of Object.entries(cases)) {
    test(name, async () => {
      const pg = join(folder, name, 'node_modules', 'pg');
      mkdirSync(join(pg, 'lib'), { recursive: true });
      writeFileSync(join(pg, 'package.json'), JSON.stringify({ name: 'pg' }));
      // Node 20 has no navigator.
      writeFileSync(join(pg, 'lib', 'stream.js'), `globalThis.navigator ??= {};\n${source}`);
      if (shim !== null) writeShim(join(folder, name, 'node_modules', 'pg-cloudflare'), shim);
      const program = join(folder, name, 'program.cjs');
      writeFileSync(program, "console.log(JSON.stringify(require('pg/lib/stream.js')));");

      const { stdout, stderr } = await runNode([...ways['--import'].flags, program]);
      assert.deepEqual(JSON.parse(stdout), { route: 'net' });
      assert.match(stderr, /\[WINTER_SOCKETS_PG_NOT_ROUTED\] Warning: pg is not routed through cloudflare:sockets: /);
      assert.match(stderr, reason);
    });
  }
});

describe('the rules', () => {
  test('conditions go back in the kind they came in, and only for the shim', () => {
    const next = (_, context) => context;
    const conditionsOf = (specifier, conditions) => resolve(specifier, { conditions }, next).conditions;
    assert.deepEqual(conditionsOf('pg-cloudflare', ['node', 'import']), ['workerd', 'node', 'import']);
    // Node 22.15 hands out a collection with the methods of a Set that is none.
    const setLike = { has: () => true, [Symbol.iterator]: () => ['node', 'require'].values() };
    assert.deepEqual(conditionsOf('pg-cloudflare', setLike), new Set(['workerd', 'node', 'require']));
    assert.equal(conditionsOf('bystander', setLike), setLike);
    assert.equal(conditionsOf('pg-cloudflare/package.json', setLike), setLike);
  });

  for (const [name, targets, expected] of [
    ['one condition', { workerd: './dist/worker.js', default: './dist/empty.js' }, 'worker.js'],
    ['an entry of its own', { '.': { workerd: './dist/worker.js', default: './dist/empty.js' } }, 'worker.js'],
    [
      'nested conditions',
      { '.': { workerd: { import: './dist/no.js', require: './dist/worker.js' }, default: './dist/empty.js' } },
      'worker.js',
    ],
    ['nothing that holds', { '.': { workerd: { import: './dist/no.js' }, default: './dist/empty.js' } }, 'empty.js'],
    ['no conditions', './dist/empty.js', 'empty.js'],
    ['no exports', undefined, 'empty.js'],
  ]) {
    test(`require() finds the entry of a shim with ${name}`, () => {
      const shim = join(folder, `shim with ${name}`);
      writeShim(shim, { exports: targets });
      const found = resolveFilename('pg-cloudflare', () => join(shim, 'dist', 'empty.js'));
      assert.equal(found, join(shim, 'dist', expected));
    });
  }

  test('the source given to pg keeps its directive, its `this` and its lines', () => {
    const source = [
      "'use strict';",
      'const isStrict = (function () { return this === undefined; })();',
      "return [navigator.userAgent === 'Cloudflare-Workers', this === module.exports, isStrict];",
    ].join('\n');
    const module = { exports: {} };
    const evaluate = new Function('module', `return ${asInWorker(source)}`);
    assert.deepEqual(evaluate.call(module.exports, module), [true, true, true]);
    assert.equal(asInWorker(source).split('\n')[1], source.split('\n')[1]);
  });
});

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

function writeShim(shim, { exports }) {
  mkdirSync(join(shim, 'dist'), { recursive: true });
  writeFileSync(join(shim, 'package.json'), JSON.stringify({ name: 'pg-cloudflare', main: 'dist/empty.js', exports }));
  writeFileSync(join(shim, 'dist', 'empty.js'), '');
}

async function runProgram(args, options) {
  const { code, stdout, stderr, timedOut } = await runNode(args, options);
  assert.equal(timedOut, false, 'the process ends by itself');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

function assertAllTrue(answers) {
  for (const [name, answer] of Object.entries(answers)) assert.equal(answer, true, name);
}

function fixture(name) {
  return fileURLToPath(new URL(`./register-fixtures/${name}`, import.meta.url));
}
