// What the preload does to a package, and what it says where it can do nothing.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runNode } from './support/process.mjs';
import { register, runWell, withRoutes } from './support/register.mjs';

const require = createRequire(import.meta.url);
const { asInWorker, tellErrorsOnce } = require('../lib/register/pg.js');
const { makeRules } = require('../lib/register/rules.js');

const preload = ['--import', register];

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'winter-sockets-routes-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

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

      const { stdout, stderr } = await runNode([...preload, program]);
      assert.deepEqual(JSON.parse(stdout), { route: 'net' });
      assert.match(stderr, /\[WINTER_SOCKETS_PG_NOT_ROUTED\] Warning: pg is not routed through cloudflare:sockets: /);
      assert.match(stderr, reason);
    });
  }
});

describe("a file that is not pg's, whatever it looks like, is left as it is, without a word", () => {
  // What the file in question would do in a Worker.
  const asks =
    "globalThis.navigator ??= {};\nexports.route = navigator.userAgent === 'Cloudflare-Workers' ? 'routed' : 'net';";

  for (const [what, root, path] of [
    ['of a package inside pg', ['node_modules', 'pg'], ['node_modules', 'other', 'lib', 'stream.js']],
    ['of a dependency of a project that is named pg', ['project'], ['node_modules', 'other', 'lib', 'stream.js']],
    ['deeper inside pg', ['node_modules', 'pg'], ['vendor', 'lib', 'stream.js']],
  ]) {
    test(what, async () => {
      const pg = join(folder, `bystander ${what}`, ...root);
      const file = join(pg, ...path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(join(pg, 'package.json'), JSON.stringify({ name: 'pg' }));
      writeShim(join(pg, 'node_modules', 'pg-cloudflare'), {});
      if (path.includes('other')) writeFileSync(join(dirname(dirname(file)), 'package.json'), '{ "name": "other" }');
      writeFileSync(file, asks);
      const program = join(pg, 'program.cjs');
      const required = JSON.stringify(file);
      writeFileSync(program, `console.log(JSON.stringify(require(${required})));`);
      const late = `require(${required}); require(${JSON.stringify(require.resolve('../lib/register/index.js'))});`;
      writeFileSync(join(pg, 'late.cjs'), late);

      const { stdout, stderr } = await runNode([...preload, program]);
      assert.deepEqual([JSON.parse(stdout), stderr], [{ route: 'net' }, '']);
      assert.equal((await runNode([join(pg, 'late.cjs')])).stderr, '');
    });
  }
});

describe('a postgres that cannot be routed is left as it is, with a warning', () => {
  const warning = /\[WINTER_SOCKETS_POSTGRES_NOT_ROUTED\] Warning: postgres is not routed through cloudflare:sockets: /;
  const answer = "console.log(typeof postgres, typeof postgres({ host: 'localhost' }));";

  for (const [form, source] of Object.entries({
    import: `import postgres from 'postgres'; ${answer}`,
    require: `const postgres = require('postgres'); ${answer}`,
  })) {
    test(`older than its build for Workers, by ${form}`, async () => {
      const project = join(folder, `old ${form}`);
      const postgres = join(project, 'node_modules', 'postgres');
      cpSync(dirname(dirname(dirname(require.resolve('postgres')))), postgres, { recursive: true });
      const manifest = require(join(postgres, 'package.json'));
      delete manifest.exports.workerd;
      writeFileSync(join(postgres, 'package.json'), JSON.stringify(manifest));
      const program = join(project, form === 'import' ? 'program.mjs' : 'program.cjs');
      writeFileSync(program, source);
      const { stdout, stderr } = await runWell([...preload, program], { env: withRoutes(folder, { postgres: true }) });
      assert.equal(stdout, 'function function\n');
      assert.match(stderr, warning);
      assert.match(stderr, /this version has no support for it/);
    });
  }

  test('where require() cannot load ES modules', async () => {
    const flags = ['--no-experimental-require-module', '--no-require-module'];
    const flag = flags.filter((each) => process.allowedNodeEnvironmentFlags.has(each)).slice(0, 1);
    const program = `const postgres = require('postgres'); ${answer}`;
    const { stdout, stderr } = await runWell([...flag, ...preload, '--eval', program], {
      env: withRoutes(folder, { postgres: true }),
    });
    assert.equal(stdout, 'function function\n');
    assert.match(stderr, warning);
    assert.match(stderr, /cannot require\(\) its build for Workers, only import it/);
  });

  test('loaded before the preload', async () => {
    const program = `const postgres = require('postgres'); require('${register}'); ${answer}`;
    const { stdout, stderr } = await runWell(['--eval', program], { env: withRoutes(folder, { postgres: true }) });
    assert.equal(stdout, 'function function\n');
    assert.match(stderr, warning);
    assert.match(stderr, /it was loaded before winter-sockets\/register/);
  });
});

describe('the rules', () => {
  const conditionsOf = (routes, specifier, conditions) => {
    let seen;
    const url = pathToFileURL(join(folder, 'nothing.js')).href;
    makeRules(routes).resolve(specifier, { conditions }, (_, context) => {
      seen = context.conditions;
      return { url };
    });
    return seen;
  };

  test('conditions go back in the kind they came in, and only for a package with a route that is on', () => {
    const routes = { pg: true, postgres: false };
    assert.deepEqual(conditionsOf(routes, 'pg-cloudflare', ['node', 'import']), ['workerd', 'node', 'import']);
    // Node 22.15 hands out a collection with the methods of a Set that is none.
    const setLike = { has: () => true, [Symbol.iterator]: () => ['node', 'require'].values() };
    assert.deepEqual(conditionsOf(routes, 'pg-cloudflare', setLike), new Set(['workerd', 'node', 'require']));
    for (const specifier of ['bystander', 'postgres', 'pg', 'pg-cloudflare/package.json']) {
      assert.equal(conditionsOf(routes, specifier, setLike), setLike);
    }
    assert.deepEqual(conditionsOf({ postgres: true }, 'postgres', ['import']), ['workerd', 'import']);
    assert.equal(conditionsOf({ postgres: true }, 'pg-cloudflare', setLike), setLike);
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
      const { resolveFilename } = makeRules({ pg: true });
      const found = resolveFilename('pg-cloudflare', () => join(shim, 'dist', 'empty.js'));
      assert.equal(found, join(shim, 'dist', expected));
    });
  }

  test('an error is told once to each who listens to a stream of pg, however often it is emitted', () => {
    const streams = { getStream: () => new EventEmitter() };
    tellErrorsOnce(streams);
    const stream = streams.getStream(true);
    const told = [];
    const listener = (error) => told.push(error);
    stream.on('error', listener);
    stream.on('error', listener);
    stream.on('error', (error) => told.push(`too: ${error}`));
    for (const error of ['first', 'first', 'second']) stream.emit('error', error);
    assert.deepEqual(told, ['first', 'too: first', 'second', 'too: second']);
    const data = [];
    stream.on('data', (chunk) => data.push(chunk));
    for (const chunk of ['same', 'same']) stream.emit('data', chunk);
    assert.deepEqual(data, ['same', 'same']);
  });

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

function writeShim(shim, { exports }) {
  mkdirSync(join(shim, 'dist'), { recursive: true });
  writeFileSync(join(shim, 'package.json'), JSON.stringify({ name: 'pg-cloudflare', main: 'dist/empty.js', exports }));
  writeFileSync(join(shim, 'dist', 'empty.js'), '');
}
