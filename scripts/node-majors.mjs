// The Node releases that tests run the package on besides the one that runs them: one of each major that is supported, and
// one more for the preload.
//
// `node scripts/node-majors.mjs` fetches those that are missing, into target/node-majors (some 190 MB each), and prints
// where they are; with majors as arguments, only those. It fails if one cannot be had, so that a test that skips one has
// said so and CI skips none.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const releases = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };

/** The last of its major without `module.registerHooks()`. */
const withoutHooks = '22.14.0';

// Node's own builds, repackaged for the registry of npm: one package for each platform.
const packageName = `node-${process.platform}-${process.arch}`;
const cache = fileURLToPath(new URL('../target/node-majors/', import.meta.url));

/**
 * `{ major, version, path, missing }` of each, oldest first: `path` of its executable, and `missing` false, or the reason for
 * which a test has to be skipped.
 */
export function nodeMajors() {
  return Object.values(releases).map(release);
}

/** The same, and one of 22 before its preload could hook into the main thread. */
export function nodesForPreload() {
  return [...nodeMajors(), release(withoutHooks)];
}

function release(version) {
  const path = pathOf(version);
  const missing = !existsSync(path) && `Node ${version} is not here; node scripts/node-majors.mjs fetches it`;
  return { major: Number.parseInt(version, 10), version, path, missing };
}

function pathOf(version) {
  if (process.version === `v${version}`) return process.execPath;
  return join(cache, version, 'node_modules', packageName, 'bin', 'node');
}

function fetchRelease(version) {
  // Put in place when it is whole: a fetch that is interrupted leaves nothing that passes for a release.
  const unfinished = join(cache, `${version}.${process.pid}`);
  mkdirSync(unfinished, { recursive: true });
  const flags = [
    '--prefix',
    unfinished,
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  try {
    const { status } = spawnSync('npm', ['install', ...flags, `${packageName}@${version}`], { stdio: 'inherit' });
    if (status !== 0) return false;
    rmSync(join(cache, version), { recursive: true, force: true });
    renameSync(unfinished, join(cache, version));
    return true;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2).map(Number);
  for (const { major, version, path, missing } of nodesForPreload()) {
    if (wanted.length > 0 && !wanted.includes(major)) continue;
    if (missing && !fetchRelease(version)) {
      console.error(`Node ${version} could not be fetched as ${packageName}@${version}.`);
      process.exitCode = 1;
      continue;
    }
    console.log(`${version}  ${path}`);
  }
}
