// The runtimes of the table in README.md.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchPackage } from '../fetch-package.mjs';
import { nodeMajors } from '../node-majors.mjs';

const { platform, arch } = process;
const cache = fileURLToPath(new URL('../../target/runtimes/', import.meta.url));

const preload = ['--import', 'winter-sockets/register'];

const others = [
  {
    name: 'Bun',
    version: '1.4.5',
    packageName: `@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : arch}`,
    program: join('bin', 'bun'),
    args: {
      plain: ['run'],
      byName: ['run', '--tsconfig-override=paths.json', '--preload', 'winter-sockets/register'],
      routed: ['run', '--tsconfig-override=paths.json', '--preload', 'winter-sockets/register'],
    },
    remarks: {
      'the name `cloudflare:sockets`':
        'Bun asks no hook for `import`: `"paths": { "cloudflare:sockets": ["./node_modules/winter-sockets"] }` in `tsconfig.json` does it',
    },
    limits: {
      'pg, routed by the preload':
        'Bun loads packages without asking the hooks of `node:module`; pg stays on `node:net`',
    },
  },
  {
    name: 'Deno',
    version: '2.9.6',
    packageName: `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`,
    program: 'deno',
    args: {
      plain: ['run', '--allow-all'],
      byName: ['run', '--allow-all', '--preload', 'npm:winter-sockets/register'],
      routed: ['run', '--allow-all', '--conditions=workerd', '--preload', 'npm:winter-sockets/register'],
    },
    remarks: {
      'the name `cloudflare:sockets`': '`deno run --preload npm:winter-sockets/register`',
      'pg, routed by the preload':
        "With `--conditions=workerd` as well, which reaches every package: Deno's hooks do not pass conditions on",
    },
    limits: {},
  },
];

/**
 * `{ name, version, path, args, remarks, limits, missing, fetch() }` of each: its program, and its arguments before a script;
 * what is to be said of a case that works, and why one does not; whether it has to be fetched first.
 */
export function runtimes() {
  const nodes = nodeMajors().map((node) => ({
    ...node,
    name: 'Node',
    args: { plain: [], byName: preload, routed: preload },
    remarks: {},
    limits: {},
  }));
  return [...nodes, ...others.map(withPath)];
}

function withPath({ packageName, program, ...runtime }) {
  const folder = join(cache, `${runtime.name}-${runtime.version}`);
  const path = join(folder, 'node_modules', packageName, program);
  const missing = !existsSync(path);
  return { ...runtime, path, missing, fetch: () => fetchPackage(`${packageName}@${runtime.version}`, folder) };
}
