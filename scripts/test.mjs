// Runs the tests: `node scripts/test.mjs` all of them, with names (rust, js, types) only those. The runners' own output is
// what you see; the exit code is 0 only if every one of them passed.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { howToGet, missingPrograms } from '../__test__/support/programs.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const suites = {
  // Without the Node-API layer: a test binary has no Node process to link against.
  rust: () => run('cargo', ['test', '--locked', '--no-default-features', '--features', 'aws-lc']),
  // The limit is for a test that hangs; the longest one builds the addon anew.
  js: () => run(process.execPath, ['--test', '--test-timeout=600000', ...testFiles()]),
  types: () => run(process.execPath, [join('scripts', 'check-types.mjs')]),
};

// Listed here: what `node --test` takes for a pattern or a folder differs between Node versions.
function testFiles() {
  return readdirSync(join(root, '__test__'))
    .filter((name) => name.endsWith('.test.mjs'))
    .map((name) => join('__test__', name));
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
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
const failed = wanted.filter((name) => !suites[name]());
const missing = missingPrograms();
if (wanted.includes('js') && missing.length > 0) {
  console.error(`\nNot all of the tests with real servers could run. The rest ${howToGet(missing)}.`);
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
