'use strict';
// The preload: makes `cloudflare:sockets` a name for this package and routes pg over it. Loading it is all there is to do.

const Module = require('node:module');
const { configure } = require('./configure.js');
const { installFallback } = require('./fallback.js');
const { routePg } = require('./pg.js');
const { resolve } = require('./rules.js');

configure();

// Asked of Node, not of its version: 22 has it from 22.15 on.
if (typeof Module.registerHooks === 'function') Module.registerHooks({ resolve });
else installFallback();

routePg();
