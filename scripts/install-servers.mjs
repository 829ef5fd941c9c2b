// Installs the server programs that tests talk to, on Debian and its relatives: `node scripts/install-servers.mjs`. What is
// there already is left alone, and no service is started.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { howToGet, missingPrograms, programs } from '../__test__/support/programs.mjs';

// Packages start their service unless this file forbids it. An administrator's own stays as it is.
const POLICY = '/usr/sbin/policy-rc.d';

const missing = missingPrograms();
if (missing.length === 0) {
  console.log('Every server program is there.');
} else {
  checkMeans();
  withoutServices(() => {
    aptGet('update');
    aptGet('install', '--no-install-recommends', ...missing.map((name) => programs[name]));
  });
  const still = missingPrograms();
  if (still.length > 0) fail(`The packages are installed, and still ${still.join(', ')} cannot be found.`);
}

function checkMeans() {
  if (spawnSync('apt-get', ['--version']).error)
    fail(`There is no apt-get here. The full test suite ${howToGet(missing)}`);
  if (process.getuid() !== 0) fail(`Only root can install packages. The full test suite ${howToGet(missing)}`);
}

function withoutServices(action) {
  if (existsSync(POLICY)) return action();
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  // Heard only after apt-get, which gets an interrupt of the terminal by itself, so that the file is always removed.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  try {
    return action();
  } finally {
    rmSync(POLICY);
  }
}

function aptGet(command, ...args) {
  const options = ['-qq', '--yes', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Options::=--force-confold'];
  const { status, error } = spawnSync('apt-get', [...options, command, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) throw new Error(`apt-get ${command} failed: ${error?.message ?? 'see its messages above'}`);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
