'use strict';
// The preload: makes `cloudflare:sockets` a name for this package and routes drivers over it. Loading it is all there is
// to do.

const Module = require('node:module');
const { wrapCompile } = require('./compile.js');
const { configure } = require('./configure.js');
const { makeRules } = require('./rules.js');

const routes = configure();

// Asked of Node, not of its version: 22 has it from 22.15 on.
if (typeof Module.registerHooks === 'function') Module.registerHooks({ resolve: makeRules(routes).resolve });
else require('./fallback.js').installFallback(routes);

wrapCompile(routes);
