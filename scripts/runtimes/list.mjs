// The runtimes of the table in README.md.

import { createRequire } from 'node:module';
import { nodeMajors } from '../node-majors.mjs';
import { programOf } from './programs.mjs';

const require = createRequire(import.meta.url);
const preload = ['--import', 'winter-sockets/register'];

// From npm, each with its program in a package for the platform.
const others = [
  {
    name: 'Bun',
    packageName: 'bun',
    args: {
      plain: ['run'],
      byName: ['run', '--preload', 'winter-sockets/register'],
      routed: ['run', '--preload', 'winter-sockets/register'],
    },
    remarks: { 'the name `cloudflare:sockets`': '`bun --preload winter-sockets/register`' },
  },
  {
    name: 'Deno',
    packageName: 'deno',
    args: {
      plain: ['run', '--allow-all'],
      byName: ['run', '--allow-all', '--preload', 'npm:winter-sockets/register'],
      routed: ['run', '--allow-all', '--conditions=workerd', '--preload', 'npm:winter-sockets/register'],
    },
    remarks: {
      'the name `cloudflare:sockets`': '`deno run --preload npm:winter-sockets/register`',
      'pg, routed by the preload: a query over TLS':
        "with `--conditions=workerd` as well, which reaches every package: Deno's hooks do not pass conditions on",
    },
  },
];

/**
 * `{ name, version, path, args, remarks, missing }` of each: its program, and its arguments before a script; what is to be said
 * of a case; `missing` is false, or the reason for which it cannot be run.
 */
export function runtimes() {
  const args = { plain: [], byName: preload, routed: preload };
  const nodes = nodeMajors().map((node) => ({ ...node, name: 'Node', args, remarks: {} }));
  return [...nodes, ...others.map(locate)];
}

function locate({ packageName, ...runtime }) {
  const { version } = require(`${packageName}/package.json`);
  try {
    return { ...runtime, version, path: programOf(packageName), missing: false };
  } catch {
    return { ...runtime, version, path: null, missing: `${runtime.name} has no package for this platform` };
  }
}
