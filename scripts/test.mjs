// Runs the tests: `node scripts/test.mjs` all of them, with names (rust, js, ring, types) only those. The runners' own
// output is what you see. It ends with the first suite that fails, so that what failed is told last; the exit code is 0
// only if every one of them passed.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { howToGet, missingPrograms } from '../__test__/support/programs.mjs';
import { nodeMajors } from './node-majors.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// Named, because the default differs between Node versions, and this one tells of the failed tests once more at the end.
// The limit is for a test that hangs; the longest one builds the addon anew.
const nodeTest = ['--test', '--test-reporter=spec', '--test-timeout=600000'];

const suites = {
  // Without the Node-API layer: a test binary has no Node process to link against.
  rust: () => {
    const args = ['test', '--locked', '--no-default-features', '--features', 'aws-lc'];
    // Once more with a watch that tells of what comes in, as in Node: see tests/common.
    return run('cargo', args) && run('cargo', [...args, '--test', '*'], { WATCH: '1' });
  },
  js: () => run(process.execPath, [...nodeTest, ...testFiles()]),
  // The other crypto provider: what depends on it, with an addon of its own that takes nobody's place.
  ring: () => {
    const features = ['--locked', '--no-default-features', '--features'];
    const tests = ['tls', 'trust', 'upgrade'].flatMap((name) => ['--test', name]);
    if (!run('cargo', ['test', ...features, 'ring', ...tests])) return false;
    if (!run('cargo', ['build', '--lib', ...features, 'ring,node'])) return false;
    const env = { PROVIDER: 'ring', NAPI_RS_NATIVE_LIBRARY_PATH: placeAddon('ring.node') };
    const files = ['certificate-matrix', 'tls-groups'].map((name) => join('__test__', `${name}.test.mjs`));
    // On the newest Node, whose OpenSSL judges some certificates otherwise than that of the oldest.
    const { path, missing } = nodeMajors().at(-1);
    if (missing) console.error(`Skipped on the newest Node: ${missing}. The tests run on ${process.version}.`);
    return run(missing ? process.execPath : path, [...nodeTest, ...files], env);
  },
  types: () => run(process.execPath, [join('scripts', 'check-types.mjs')]),
};

// Listed here: what `node --test` takes for a pattern or a folder differs between Node versions.
function testFiles() {
  return readdirSync(join(root, '__test__'))
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => join('__test__', name));
}

/** Copies the addon that cargo has built last, unoptimised, to where Node takes it for one; gives the path. */
function placeAddon(name) {
  const built = { darwin: 'libwinter_sockets.dylib', win32: 'winter_sockets.dll' }[process.platform];
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  const folder = join(root, 'target', 'addons');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(target, 'debug', built ?? 'libwinter_sockets.so'), join(folder, name));
  return join(folder, name);
}

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) console.error(`${command} could not be started: ${error.message}`);
  return status === 0;
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`There is no suite ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}.`);
  process.exit(2);
}
const wanted = names.length > 0 ? names : Object.keys(suites);
const failed = wanted.find((name) => !suites[name]());
const missing = missingPrograms();
if (wanted.includes('js') && missing.length > 0) {
  console.error(`\nNot all of the tests with real servers could run. The rest ${howToGet(missing)}.`);
}
if (failed) {
  const left = wanted.slice(wanted.indexOf(failed) + 1);
  console.error(`\nFailed: ${failed}${left.length > 0 ? `; not run: ${left.join(', ')}` : ''}`);
}
process.exit(failed ? 1 : 0);
