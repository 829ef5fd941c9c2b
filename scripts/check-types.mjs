// Compiles the type tests in each environment that users have: Node's types, the DOM library, Cloudflare's types, and a
// stock driver compiled against our declarations in place of its own.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, '__test__', 'types');
const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '..', 'bin', 'tsc');

const projects = readdirSync(folder)
  .filter((name) => /^tsconfig\..+\.json$/.test(name) && name !== 'tsconfig.base.json')
  .sort();

const failed = projects.filter((project) => {
  const tsc = spawnSync(process.execPath, [compiler, '--project', join(folder, project)], {
    cwd: root,
    encoding: 'utf8',
  });
  console.log(`${tsc.status === 0 ? 'ok    ' : 'not ok'} ${project}`);
  if (tsc.status !== 0) console.log(tsc.error?.message ?? `${tsc.stdout}${tsc.stderr}`);
  return tsc.status !== 0;
});

console.log(`types: ${projects.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && projects.length > 0 ? 0 : 1;
