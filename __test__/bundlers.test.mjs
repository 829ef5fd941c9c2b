// What docs/bundlers.md says of bundlers, in a project that has the package as npm publishes it. Every output runs against a
// server.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import webpack from 'webpack';
import { openGuide } from './support/guide.mjs';
import { addons, createProject } from './support/project.mjs';
import { closer, serve } from './support/servers.mjs';

const require = createRequire(import.meta.url);
const guide = openGuide('docs/bundlers.md');

let project;
let server;

before(async () => {
  const dependencies = ['@rollup/plugin-commonjs', '@rollup/plugin-node-resolve', 'vite'];
  project = await createProject({ dependencies, files: guide.files() });
  server = await serve(closer('hello'));
});

after(async () => {
  await server?.close();
  project?.remove();
});

describe('the package stays outside', () => {
  test('esbuild', async () => {
    await project.shell(guide.commands('--format=esm --external:winter-sockets --outfile=dist/esbuild.js'));
    await greets('dist/esbuild.js', /from "winter-sockets"/);
  });

  test('Rollup', async () => {
    await project.shell(guide.commands('rollup app.js --external winter-sockets'));
    await greets('dist/rollup.js', /from 'winter-sockets'/);
  });

  test('webpack', async () => {
    assert.deepEqual(await runWebpack('webpack.config.cjs'), []);
    await greets('dist/webpack.cjs', /require\("winter-sockets"\)/);
  });

  test('Vite', async () => {
    await project.shell(guide.commands('vite build --ssr app.js'));
    await greets('dist/vite/app.js', /from "winter-sockets"/);
  });
});

describe('the package goes in', () => {
  // Nothing is left to find the package by.
  const inside = /^(?!.*(?:require\(|from )["']winter-sockets["'])/s;

  test('esbuild', async () => {
    await project.shell(guide.commands('--loader:.node=copy'));
    await greets('dist/esbuild/app.cjs', inside);
  });

  test('Rollup', async () => {
    await project.shell('rollup --config --silent');
    copyAddon('dist/rollup/app.cjs');
    await greets('dist/rollup/app.cjs', inside);
  });

  test('webpack', async () => {
    assert.deepEqual(await runWebpack('webpack.inside.cjs'), []);
    copyAddon('dist/webpack/app.cjs');
    await greets('dist/webpack/app.cjs', inside);
  });

  test('Vite', async () => {
    await project.shell('vite build --config vite.inside.js');
    copyAddon('dist/vite-inside/app.cjs');
    await greets('dist/vite-inside/app.cjs', inside);
  });

  function copyAddon(output) {
    for (const addon of addons) {
      const source = join(project.folder, 'node_modules', 'winter-sockets', addon);
      copyFileSync(source, join(project.folder, dirname(output), addon));
    }
  }
});

describe('code that imports cloudflare:sockets', () => {
  test('esbuild leaves the name, and the preload resolves it', async () => {
    const { address } = server;
    assert.equal(
      await project.shell(guide.commands('--external:cloudflare:* --external:pg'), { ADDRESS: address }),
      'hello\n',
    );
    assert.match(readFileSync(join(project.folder, 'dist', 'kept.js'), 'utf8'), /from "cloudflare:sockets"/);
  });

  test('esbuild gives the name to the package', async () => {
    await project.shell(guide.commands('--alias:cloudflare:sockets=winter-sockets'));
    await greets('dist/alias.js', /from "winter-sockets"/);
  });

  test('Rollup gives the name to the package', async () => {
    await project.shell('rollup --config rollup.alias.js --silent');
    await greets('dist/rollup-alias.js', /from 'winter-sockets'/);
  });

  test('webpack gives the name to the package', async () => {
    assert.deepEqual(await runWebpack('webpack.alias.cjs'), []);
    await greets('dist/webpack-alias.cjs', /require\("winter-sockets"\)/);
  });
});

/** Runs the output, which looks as expected, against the server. */
async function greets(output, looks) {
  assert.match(readFileSync(join(project.folder, output), 'utf8'), looks);
  const { stdout, stderr, code } = await project.run([output], { env: { ADDRESS: server.address } });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'hello\n');
}

/** Builds with a configuration of the project; gives the warnings. */
async function runWebpack(config) {
  const options = require(join(project.folder, config));
  const stats = await promisify(webpack)({ ...options, context: project.folder });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual(errors, []);
  return warnings;
}
