'use strict';
// Makes a newer Node one that has no synchronous hooks.

delete require('node:module').registerHooks;
