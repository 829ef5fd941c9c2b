// What the tests of the preload share.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodesForPreload } from '../../scripts/node-majors.mjs';
import { runNode } from './process.mjs';

/** The name by which it is preloaded. */
export const register = 'winter-sockets/register';

/**
 * `{ version, path, options, canRequire }` of the Node that runs the tests and of each release: `options` skip the tests on a
 * missing one, `canRequire` says whether its `require()` loads ES modules.
 */
export const nodes = [
  { version: process.versions.node, path: process.execPath, canRequire: process.features.require_module === true },
  ...nodesForPreload().filter(({ path }) => path !== process.execPath),
].map(({ version, path, missing, canRequire = true }) => ({
  version,
  path,
  options: missing ? { skip: missing } : {},
  canRequire,
}));

/** The path of a program in register-fixtures. */
export function fixture(name) {
  return fileURLToPath(new URL(`../register-fixtures/${name}`, import.meta.url));
}

/** Runs a program that prints JSON, and has to end well by itself; returns what it printed. */
export async function runProgram(args, options) {
  return JSON.parse((await runWell(args, options)).stdout);
}

/** The same, with everything it printed. */
export async function runWell(args, options) {
  const { code, stdout, stderr, timedOut } = await runNode(args, options);
  assert.equal(timedOut, false, `the process ends by itself; it said:\n${stdout}${stderr}`);
  assert.equal(code, 0, stderr);
  return { stdout, stderr };
}

/** The environment that turns routes on or off, by a configuration file in the folder. */
export function withRoutes(folder, routes) {
  const file = join(folder, `${Object.entries(routes).flat().join('-')}.json`);
  writeFileSync(file, JSON.stringify({ routes }));
  return { WINTER_SOCKETS_CONFIG: file };
}
