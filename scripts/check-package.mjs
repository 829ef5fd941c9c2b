// Packs the package as npm would publish it and lets publint and Are The Types Wrong judge the result.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-pack-'));

try {
  const failed = check();
  console.log(`package: ${failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Returns the names of the tools that failed, after printing what they found. */
function check() {
  if (!run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder])) return ['npm pack'];
  const tarball = join(folder, readdirSync(folder)[0]);
  const tools = {
    publint: ['run', tarball, '--strict'],
    // Without DefinitelyTyped: asking it for types would go over the network.
    attw: [tarball, '--no-definitely-typed', '--no-emoji'],
  };
  return Object.keys(tools).filter((tool) => !run(join(root, 'node_modules', '.bin', tool), tools[tool]));
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) console.log(error?.message ?? `${stdout}${stderr}`);
  return status === 0;
}
