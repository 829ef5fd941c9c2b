'use strict';
// What the preload decides when Node resolves a name, apart from the ways to make Node ask. Loads what it needs for a package
// when it meets the first.

const { join } = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

/** The condition under which packages have their build for Workers. */
const CONDITION = 'workerd';
const SOCKETS = 'cloudflare:sockets';
const POSTGRES = 'postgres';

// Not by `require.resolve()`, which would look at the disk.
const entry = join(__dirname, '..', '..', 'index.js');
const entryForPostgres = join(__dirname, 'postgres-sockets.js');

/** The packages whose build for Workers a route wants. */
const packagesOf = { pg: 'pg-cloudflare', postgres: POSTGRES };

/** The rules for `routes`, which says of each route whether it is on. */
function makeRules(routes) {
  const wanted = new Set(Object.keys(packagesOf).flatMap((route) => (routes[route] ? packagesOf[route] : [])));

  /** Node's resolve hook, as `module.registerHooks()` and the loader thread of `module.register()` both call it. */
  function resolve(specifier, context, nextResolve) {
    if (specifier === SOCKETS) {
      const forPostgres = wanted.has(POSTGRES) && isPostgresSocket(context.parentURL);
      return commonjs(forPostgres ? entryForPostgres : entry);
    }
    if (!wanted.has(specifier)) return nextResolve(specifier, context);
    const isRequire = [...context.conditions].includes('require');
    const adapted = isRequire && !canRequire(specifier) ? context : withCondition(context);
    const resolved = nextResolve(specifier, adapted);
    const tell = (result) => {
      if (result.url.startsWith('file:')) report(specifier, fileURLToPath(result.url), isRequire);
      return result;
    };
    return typeof resolved.then === 'function' ? resolved.then(tell) : tell(resolved);
  }

  /** The same for `require()` where Node has no hook for it, as the file name; `nextResolveFilename` is what Node would do. */
  function resolveFilename(request, nextResolveFilename) {
    if (request === SOCKETS) return entry;
    const filename = nextResolveFilename();
    if (!wanted.has(request)) return filename;
    report(request, filename, true);
    const { conditionalEntry, findRoot } = require('./packages.js');
    const root = canRequire(request) ? findRoot(filename, request) : null;
    return (root && conditionalEntry(root, CONDITION)) ?? filename;
  }

  return { resolve, resolveFilename };
}

function commonjs(filename) {
  return { url: pathToFileURL(filename).href, format: 'commonjs', shortCircuit: true };
}

/** Whether this is the file in which the Workers build of postgres makes its sockets. */
function isPostgresSocket(url) {
  if (!url?.startsWith('file:') || !url.endsWith('/cf/polyfills.js')) return false;
  return require('./packages.js').findRoot(fileURLToPath(url), POSTGRES) !== null;
}

/** The conditions and ours, in the kind of collection they came in: Node takes back no other. */
function withCondition({ conditions, ...context }) {
  const all = [CONDITION, ...conditions];
  return { ...context, conditions: Array.isArray(conditions) ? all : new Set(all) };
}

/** Whether `require()` could load the build for Workers. That of postgres is an ES module. */
function canRequire(specifier) {
  return specifier !== POSTGRES || process.features.require_module === true;
}

/** Tells of postgres, which is routed by its name alone; pg is told of where it chooses its streams. */
function report(specifier, filename, isRequire) {
  if (specifier !== POSTGRES) return;
  const { findRoot, hasCondition } = require('./packages.js');
  const { tellRouted, warnNotRouted } = require('./report.js');
  const root = findRoot(filename, POSTGRES);
  if (root === null) return;
  if (!hasCondition(root, CONDITION)) warnNotRouted(POSTGRES, root, 'this version has no support for it');
  else if (!isRequire || canRequire(POSTGRES)) tellRouted(POSTGRES, root);
  else warnNotRouted(POSTGRES, root, 'this Node cannot require() its build for Workers, only import it');
}

module.exports = { makeRules };
