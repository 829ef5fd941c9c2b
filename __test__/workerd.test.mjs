// The condition `workerd`: one import serves Node and Workers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { openGuide } from './support/guide.mjs';
import { createProject } from './support/project.mjs';
import { closer, serve } from './support/servers.mjs';
import { startWorkerd } from './support/workerd.mjs';

const guide = openGuide('docs/bundlers.md');

let project;
let server;

before(async () => {
  project = await createProject({ files: guide.files() });
  server = await serve(closer('hello'));
});

after(async () => {
  await server?.close();
  project?.remove();
});

describe('in workerd', () => {
  test('a bundled Worker connects', async (t) => {
    await project.shell(guide.commands('--conditions=workerd'));
    const worker = await startWorkerd(project.folder, { 'worker.js': 'dist/worker.js' });
    t.after(() => worker.stop());
    assert.equal(await ask(worker.port), 'hello');
  });

  test('the entry itself, unbundled, has the connect() of the platform and no other name', async (t) => {
    project.write({
      'names.js': `
        import * as platform from 'cloudflare:sockets';
        import * as own from 'winter-sockets';
        export default {
          fetch: () => Response.json({ names: Object.keys(own), same: own.connect === platform.connect }),
        };
      `,
    });
    const modules = { 'names.js': 'names.js', 'winter-sockets': 'node_modules/winter-sockets/lib/workerd.mjs' };
    const worker = await startWorkerd(project.folder, modules);
    t.after(() => worker.stop());
    assert.deepEqual(JSON.parse(await ask(worker.port)), { names: ['connect'], same: true });
  });

  async function ask(port) {
    const response = await fetch(`http://127.0.0.1:${port}/?address=${server.address}`);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return text;
  }
});

test('the same source connects in Node', async () => {
  const code = `
    import worker from './either.js';
    const response = await worker.fetch(new Request('http://worker.test/?address=${server.address}'));
    process.stdout.write(await response.text());
  `;
  const { stdout, stderr } = await project.run(['--input-type=module', '--eval', code]);
  assert.equal(stdout, 'hello', stderr);
});

test('a Worker that imports what the platform does not have is not built', async () => {
  for (const name of ['Socket', 'SocketError', 'createBinding']) {
    const failure = await build({
      stdin: {
        contents: `import { ${name} } from 'winter-sockets'; console.log(${name});`,
        resolveDir: project.folder,
      },
      bundle: true,
      format: 'esm',
      conditions: ['workerd'],
      external: ['cloudflare:*'],
      write: false,
      logLevel: 'silent',
    }).catch((error) => error);
    assert.match(failure.message, new RegExp(`No matching export in ".*workerd\\.mjs" for import "${name}"`));
  }
});

describe('Node with --conditions=workerd still has the whole package', () => {
  for (const [how, flags, code] of [
    ['import', ['--input-type=module'], "import * as own from 'winter-sockets'; report(own);"],
    ['require', ['--input-type=commonjs'], "report(require('winter-sockets'));"],
  ]) {
    test(`by ${how}`, async () => {
      const report = 'function report(own) { console.log(typeof own.connect, typeof own.SocketError); }';
      const { stdout, stderr } = await project.run(['--conditions=workerd', ...flags, '--eval', `${code}${report}`]);
      assert.equal(stdout, 'function function\n', stderr);
    });
  }
});
