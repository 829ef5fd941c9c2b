// The programs that clients run in, and how each is told its job.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { programOf } from '../scripts/runtimes/programs.mjs';
import { implementations } from './catalogue.mjs';

const require = createRequire(import.meta.url);
const MAIN = pathOf('client/main.mjs');
const WORKERD = pathOf('client/workerd.mjs');
const PRELOAD = new URL('../lib/register/index.js', import.meta.url).href;

// Of each runtime: where its program is, and the arguments of a client.
const runtimes = {
  node: {
    name: 'Node',
    arguments: (job) => [
      ...(job.collects ? ['--expose-gc'] : []),
      ...(isRouted(job) ? ['--import', PRELOAD] : []),
      ...[MAIN, JSON.stringify(job)],
    ],
  },
  deno: {
    name: 'Deno',
    find: () => programOf('deno'),
    arguments: (job) => [
      ...['run', '--allow-all', '--no-config'],
      ...(job.collects ? ['--v8-flags=--expose-gc'] : []),
      ...[MAIN, JSON.stringify(job)],
    ],
  },
  bun: {
    name: 'Bun',
    find: () => programOf('bun'),
    arguments: (job) => ['--no-install', MAIN, JSON.stringify(job)],
  },
  workerd: {
    name: 'workerd',
    find: () => require('workerd').default,
    arguments: (job, { path, workerdConfig: { usual, collecting } }) => [
      ...[WORKERD, JSON.stringify(job)],
      ...[path, job.collects ? collecting : usual],
    ],
    // It needs somebody to start it and to measure it.
    startedBy: process.execPath,
  },
  native: {
    name: 'native',
    arguments: (job) => [JSON.stringify(job)],
  },
};

/** pg goes over this package by its preload. */
function isRouted({ scenario, module }) {
  return scenario === 'pg' && module === 'winter-sockets';
}

/**
 * Who takes part: `{ clients, missing }`. A client is `{ implementation, node, runtime, command(job, environment) }`:
 * `node` the version of Node or null, `runtime` its name with its version, `command()` gives `[file, arguments]`. Missing
 * are `{ implementation, reason }`. `nodes` are paths of executables of Node.
 */
export function findClients(names, nodes) {
  const clients = [];
  const missing = [];
  const programs = { node: versions(nodes), native: [{ path: null, version: null }] };
  for (const implementation of names) {
    const { runtime, needs } = implementations[implementation];
    try {
      if (needs) import.meta.resolve(needs);
      programs[runtime] ??= [findProgram(runtimes[runtime])];
    } catch (error) {
      // Where it was looked for is of no use to a reader.
      const [what] = error.message.split(/\n| imported from /);
      missing.push({ implementation, reason: `not installed here: ${what}` });
      continue;
    }
    clients.push(...programs[runtime].map((program) => client(implementation, program)));
  }
  return { clients, missing };
}

/** Fetches the releases of Node that are missing; `nodes` as readArguments() has them. */
export function fetchNodes(nodes) {
  if (!nodes.some(({ missing }) => missing)) return;
  const script = pathOf('../scripts/node-majors.mjs');
  const majors = nodes.filter(({ missing }) => missing).map(({ major }) => String(major));
  const { status } = spawnSync(process.execPath, [script, ...majors], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('a release of Node could not be fetched: see above');
}

function client(implementation, { path, version }) {
  const { runtime } = implementations[implementation];
  const { name, startedBy, arguments: argumentsOf } = runtimes[runtime];
  return {
    implementation,
    node: runtime === 'node' ? version : null,
    runtime: version === null ? name : `${name} ${version}`,
    command: (job, environment) => [
      startedBy ?? path ?? environment.nativeClient,
      argumentsOf(job, { ...environment, path }),
    ],
  };
}

function findProgram({ find }) {
  const path = find();
  return { path, version: versionOf(path) };
}

function versions(paths) {
  const programs = paths.map((path) => ({ path, version: versionOf(path) }));
  const distinct = new Set(programs.map(({ version }) => version));
  if (distinct.size < programs.length) throw new TypeError('--node names two executables of the same version');
  return programs;
}

function versionOf(path) {
  const { error, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  if (error) throw new Error(`${path} cannot be run: ${error.message}`, { cause: error });
  // "v20.0.0", "1.0.0", "workerd 2026-01-01", "deno 2.0.0 (stable, ...)"
  const [version] = stdout.match(/\d+[.-]\d+[.-]\d+/) ?? [];
  if (version === undefined) throw new Error(`${path} does not tell its version, but "${stdout.trim()}"`);
  return version;
}

function pathOf(file) {
  return fileURLToPath(new URL(file, import.meta.url));
}
