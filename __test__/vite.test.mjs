// The plugin for Vite and Vitest, in a project that has the package as npm publishes it.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openGuide } from './support/guide.mjs';
import { createProject } from './support/project.mjs';
import { closer, serve } from './support/servers.mjs';

const guide = openGuide('docs/bundlers.md');

const files = {
  'ask.js': `
    import { connect } from 'cloudflare:sockets';
    export const ask = (address) => new Response(connect(address).readable).text();
  `,
  'main.js': `
    import { ask } from './ask.js';
    console.log(await ask(process.env.ADDRESS));
  `,
  'stream.js': `
    import pg from 'pg';
    export const stream = () => new pg.Client().connection.stream.constructor.name;
  `,
  // Renders in the dev server as a framework does.
  'dev.js': `
    import { createServer } from 'vite';
    const vite = await createServer({ server: { middlewareMode: true }, appType: 'custom', logLevel: 'error' });
    try {
      const { ask } = await vite.ssrLoadModule('/ask.js');
      const { stream } = await vite.ssrLoadModule('/stream.js');
      console.log(JSON.stringify({ answer: await ask(process.env.ADDRESS), stream: stream() }));
    } finally {
      await vite.close();
    }
  `,
  // What a plugin for Workers does to Vite: an environment with the platform's conditions.
  'workers.config.js': `
    import { winterSockets } from 'winter-sockets/vite';
    const worker = {
      consumer: 'server',
      resolve: { noExternal: true, conditions: ['workerd', 'worker'], builtins: [/^cloudflare:/] },
      build: { outDir: 'dist/worker', rollupOptions: { input: 'either.js' } },
    };
    export default {
      plugins: [winterSockets()],
      environments: { worker },
      builder: { buildApp: (builder) => builder.build(builder.environments.worker) },
    };
  `,
  'sockets.test.js': `
    import { expect, test } from 'vitest';
    import { ask } from './ask.js';
    import { stream } from './stream.js';
    test('cloudflare:sockets connects', async () => expect(await ask(process.env.ADDRESS)).toBe('hello'));
    test('pg is routed', () => expect(stream()).toBe('CloudflareSocket'));
  `,
};

let project;
let server;
let env;

before(async () => {
  project = await createProject({ dependencies: ['pg', 'vite', 'vitest'] });
  project.write({ ...files, ...guide.files() });
  server = await serve(closer('hello'));
  env = { ADDRESS: server.address };
});

after(async () => {
  await server?.close();
  project?.remove();
});

describe('Vite', () => {
  test('the dev server connects, and routes pg', async () => {
    const { stdout, stderr, code } = await project.run(['dev.js'], { env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { answer: 'hello', stream: 'CloudflareSocket' });
  });

  test('a package that is linked serves the dev server and Vitest too', async (t) => {
    const installed = join(project.folder, 'node_modules', 'winter-sockets');
    const elsewhere = join(project.folder, 'linked');
    renameSync(installed, elsewhere);
    symlinkSync(elsewhere, installed);
    t.after(() => {
      rmSync(installed);
      renameSync(elsewhere, installed);
    });
    const { stdout, stderr, code } = await project.run(['dev.js'], { env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { answer: 'hello', stream: 'CloudflareSocket' });
    assert.equal((await runVitest('forks'))['cloudflare:sockets connects'], 'passed');
  });

  test('a build for a server imports the package', async () => {
    await project.shell('vite build --ssr main.js --outDir dist/server');
    const output = readFileSync(join(project.folder, 'dist', 'server', 'main.js'), 'utf8');
    assert.match(output, /from "winter-sockets"/);
    const { stdout, stderr } = await project.run(['dist/server/main.js'], { env });
    assert.equal(stdout, 'hello\n', stderr);
  });

  test("an environment of Workers keeps the platform's own", async () => {
    await project.shell('vite build --app --config workers.config.js');
    const output = readFileSync(join(project.folder, 'dist', 'worker', 'either.js'), 'utf8');
    assert.match(output, /from "cloudflare:sockets"/);
    assert.doesNotMatch(output, /winter-sockets|\.node/);
  });

  test('a build for the browser says that there is no such module', async () => {
    project.write({ 'index.html': '<script type="module" src="/main.js"></script>' });
    await assert.rejects(project.shell('vite build'), ({ stderr }) => /cloudflare:sockets/.test(stderr));
  });
});

describe('Vitest', () => {
  for (const pool of ['forks', 'threads']) {
    test(`${pool}: cloudflare:sockets connects, and pg is routed`, async () => {
      const report = await runVitest(pool);
      assert.deepEqual(report, { 'cloudflare:sockets connects': 'passed', 'pg is routed': 'passed' });
    });
  }

  for (const pool of ['vmForks', 'vmThreads']) {
    test(`${pool}: cloudflare:sockets connects, and pg stays on node:net`, async () => {
      const report = await runVitest(pool);
      assert.deepEqual(report, { 'cloudflare:sockets connects': 'passed', 'pg is routed': 'failed' });
    });
  }
});

/** The states of the tests by their name. */
async function runVitest(pool) {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--pool', pool, '--reporter', 'json'];
  const { stdout, stderr } = await project.run(args, { env });
  assert.match(stdout, /^\{/, stderr);
  const [{ assertionResults }] = JSON.parse(stdout).testResults;
  return Object.fromEntries(assertionResults.map(({ title, status }) => [title, status]));
}
