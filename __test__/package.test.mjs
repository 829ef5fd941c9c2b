// The package as its users get it: one instance for both module systems, nothing a bundler stumbles over, an
// installation from the packed tarball, and one clear sentence where there is nothing native to load.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { openGuide } from './support/guide.mjs';
import { root, runNode } from './support/process.mjs';

const require = createRequire(import.meta.url);
const run = promisify(execFile);
const guide = openGuide('docs/bundlers.md');

// The addon is built in release mode: minutes where nothing can be reused.
const buildTimeout = 15 * 60_000;

describe('one instance for both module systems', () => {
  test('require and import give the same objects', async () => {
    const required = require('winter-sockets');
    const imported = await import('winter-sockets');
    assert.equal(imported.default, required);
    for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
  });

  test('import sees exactly the public names', async () => {
    const names = Object.keys(await import('winter-sockets'));
    // What Node adds to the names of a CommonJS module; the second one in newer versions only.
    const own = names.filter((name) => name !== 'default' && name !== 'module.exports');
    assert.deepEqual(own.sort(), ['Socket', 'SocketError', 'connect', 'createBinding']);
  });

  test('connect has the name and the length of the reference', () => {
    const { connect } = require('winter-sockets');
    assert.equal(connect.name, 'connect');
    assert.equal(connect.length, 2);
  });
});

test('no file that a bundler follows from the entry names a cloudflare: module', () => {
  const files = filesReachedFrom(join(root, 'index.js'));
  assert.ok(files.includes(join(root, 'binding.js')), 'the loader of the addon is reached');
  for (const file of files) assert.doesNotMatch(readFileSync(file, 'utf8'), /['"]cloudflare:/, file);
});

describe('the packed tarball', () => {
  let folder;
  let tarball;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'winter-sockets-package-'));
    await npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
    tarball = join(folder, readdirSync(folder)[0]);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  test('without a binary, loading fails with one sentence and a code', async () => {
    const project = await install('unbuilt', ['--ignore-scripts']);
    const { stdout, stderr, code } = await runNode(write(project, 'load.cjs', loadScript), { cwd: project });
    assert.equal(code, 0, stderr);
    const failure = JSON.parse(stdout);
    assert.equal(failure.code, 'ERR_SOCKET_NATIVE_MISSING');
    assertOneSentence(failure.message, /build/);
  });

  test('without a toolchain, the install script fails with one sentence', async () => {
    const project = await install('no-toolchain', ['--ignore-scripts']);
    const unpacked = join(project, 'node_modules', 'winter-sockets');
    // No program can be found by name, nor cargo in its usual place under the home folder.
    const env = { PATH: project, HOME: project, CARGO: undefined, CARGO_HOME: undefined };
    const { code, stdout, stderr } = await runNode([join('scripts', 'install.js')], { cwd: unpacked, env });
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
    assertOneSentence(stderr.trim(), /Rust|cargo/);
  });

  test('installs with its addon, connects and type-checks', { timeout: buildTimeout }, async () => {
    const project = await install('built', []);

    const greeting = await runNode(write(project, 'greet.cjs', greetScript), { cwd: project });
    assert.equal(greeting.stdout, 'hello', greeting.stderr);
    assert.equal(greeting.code, 0);

    write(project, 'main.ts', typedScript);
    write(project, 'tsconfig.json', guide.block('winter-sockets/types'));
    mkdirSync(join(project, 'node_modules', '@types'));
    symlinkSync(join(root, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'));
    const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--lib', 'es2022'];
    const types = await runNode([tsc, '--project', '.', ...options], { cwd: project });
    assert.equal(types.code, 0, types.stdout);
  });

  /** Installs the tarball in a project of its own, without a registry, and returns the folder of the project. */
  async function install(name, options) {
    const project = join(folder, name);
    mkdirSync(project);
    write(project, 'package.json', JSON.stringify({ name, private: true }));
    await npm(['install', '--offline', '--no-audit', '--no-fund', ...options, tarball], project);
    return project;
  }
});

// Prints how loading or, at the latest, connecting fails.
const loadScript = `
try {
  require('winter-sockets').connect('127.0.0.1:1');
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}
`;

const greetScript = `
const { createServer } = require('node:net');
const { connect } = require('winter-sockets');
const server = createServer((peer) => peer.end('hello')).listen(0, '127.0.0.1', async () => {
  const socket = connect({ hostname: '127.0.0.1', port: server.address().port });
  for await (const chunk of socket.readable) process.stdout.write(chunk);
  await socket.close();
  server.close();
});
`;

const typedScript = `
import { connect as byName } from 'cloudflare:sockets';
import { connect, type Socket, SocketError } from 'winter-sockets';
import 'winter-sockets/register';
const socket: Socket = connect('127.0.0.1:1', { secureTransport: 'starttls' });
export const same: typeof connect = byName;
export const failure = socket.opened.catch((error: unknown) => error instanceof SocketError && error.code);
`;

async function npm(args, cwd) {
  // Settings of an npm that runs these tests are not for this one; dependencies built for this project are reused.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'));
  const env = { CARGO_TARGET_DIR: join(root, 'target'), ...Object.fromEntries(own) };
  await run('npm', args, { cwd, env, timeout: buildTimeout });
}

function write(folder, name, text) {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function assertOneSentence(text, expected) {
  assert.match(text, /^[^\n]+\.$/);
  assert.match(text, expected);
}

/** Follows the relative paths given to require() and import, as a bundler does. */
function filesReachedFrom(file, reached = new Set()) {
  if (reached.has(file)) return [];
  reached.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:require|import|from)\b\s*\(?\s*['"](\.[^'"]*)['"]/g)) {
    const next = resolve(path, file);
    if (next?.endsWith('js')) filesReachedFrom(next, reached);
  }
  return [...reached];
}

function resolve(path, from) {
  try {
    return createRequire(from).resolve(path);
  } catch {
    // The loader of the addon names the binaries of every platform; those of the others are absent.
    return undefined;
  }
}
