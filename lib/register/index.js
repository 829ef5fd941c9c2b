'use strict';
// The preload: makes `cloudflare:sockets` a name for this package and routes drivers over it. Loading it is all there is
// to do.

const Module = require('node:module');
const { configure } = require('./configure.js');

/** What rules.js has an answer to. A process that asks for none of them never loads it. */
const NAMES = new Set(['cloudflare:sockets', 'pg-cloudflare', 'postgres']);

const routes = configure();

if (process.versions.bun) require('./bun.js').installInBun(routes);
else installInNode();

function installInNode() {
  // Asked of Node, not of its version: 22 has it from 22.15 on.
  if (typeof Module.registerHooks === 'function') Module.registerHooks({ resolve });
  else require('./fallback.js').installFallback(routes);
  require('./compile.js').wrapCompile(routes);
}

let rules = null;

function resolve(specifier, context, nextResolve) {
  if (!NAMES.has(specifier)) return nextResolve(specifier, context);
  rules ??= require('./rules.js').makeRules(routes);
  return rules.resolve(specifier, context, nextResolve);
}
