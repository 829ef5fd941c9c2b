'use strict';
// What the preload decides, apart from the ways to make Node ask.

const { readFileSync } = require('node:fs');
const { dirname, join, sep } = require('node:path');
const { pathToFileURL } = require('node:url');

const SOCKETS = 'cloudflare:sockets';
const SHIM = 'pg-cloudflare';
const CONDITION = 'workerd';

const entry = require.resolve('../../index.js');
const pgStream = join(sep, 'lib', 'stream.js');

/** Node's resolve hook, as `module.registerHooks()` and the loader thread of `module.register()` both call it. */
function resolve(specifier, context, nextResolve) {
  if (specifier === SOCKETS) return { url: pathToFileURL(entry).href, format: 'commonjs', shortCircuit: true };
  if (specifier !== SHIM) return nextResolve(specifier, context);
  return nextResolve(specifier, { ...context, conditions: withCondition(context.conditions) });
}

/** The conditions and ours, in the kind of collection they came in: Node takes back no other. */
function withCondition(conditions) {
  const all = [CONDITION, ...conditions];
  return Array.isArray(conditions) ? all : new Set(all);
}

/** The same for `require()` where Node has no hook for it, as the file name; `nextResolveFilename` is what Node would do. */
function resolveFilename(request, nextResolveFilename) {
  if (request === SOCKETS) return entry;
  const filename = nextResolveFilename();
  return request === SHIM ? (shimEntry(filename) ?? filename) : filename;
}

/** The file that the shim has for the condition, given the one it has without. */
function shimEntry(filename) {
  // Every version of the shim has its entries one folder below its root.
  const folder = dirname(dirname(filename));
  const { name, exports: targets } = readPackage(folder) ?? {};
  if (name !== SHIM) return null;
  const target = pickTarget(targets?.['.'] ?? targets, [CONDITION, 'node', 'require', 'default']);
  return target && join(folder, target);
}

/** Conditional exports: the first key that holds decides, at every level. */
function pickTarget(targets, conditions) {
  if (typeof targets === 'string') return targets;
  const holding = Object.keys(targets ?? {}).filter((key) => conditions.includes(key));
  return holding.map((key) => pickTarget(targets[key], conditions)).find(Boolean) ?? null;
}

/** Whether this is the file in which pg chooses its streams, under whatever path a package manager keeps it. */
function isPgStream(filename) {
  // A module that a program compiles by hand may have no file name.
  return filename?.endsWith(pgStream) && readPackage(dirname(dirname(filename)))?.name === 'pg';
}

/**
 * The source of that file with a `navigator` of its own, so that pg takes itself to be in a Worker and nobody else does;
 * null for a pg that does not ask. The arrow function keeps `this`, a directive and the numbers of the lines.
 */
function asInWorker(source) {
  if (!source.includes('Cloudflare-Workers')) return null;
  return `((navigator) => {${source}\n})({ userAgent: 'Cloudflare-Workers' });`;
}

function readPackage(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return null;
  }
}

module.exports = { SHIM, asInWorker, isPgStream, resolve, resolveFilename };
