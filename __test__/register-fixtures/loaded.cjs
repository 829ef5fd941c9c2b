'use strict';
// What has been loaded by a program that does nothing: the files of this package, and whether Node's module for threads is.

const Module = require('node:module');
const { join, relative, sep } = require('node:path');

const root = join(__dirname, '..', '..');
const files = Object.keys(Module._cache)
  .filter((filename) => filename !== __filename)
  .map((filename) => relative(root, filename).split(sep).join('/'));
const threads = process.moduleLoadList.includes('NativeModule worker_threads');
console.log(JSON.stringify({ hasHooks: typeof Module.registerHooks === 'function', files, threads }));
