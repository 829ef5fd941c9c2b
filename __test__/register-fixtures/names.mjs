// Every way to load `cloudflare:sockets` from an ES module, compared with the package by its own name.

import * as linked from 'cloudflare:sockets';
import { createRequire } from 'node:module';
import { connect } from 'winter-sockets';

const require = createRequire(import.meta.url);
const imported = await import('cloudflare:sockets');
const required = require('cloudflare:sockets');
const elsewhere = await import('./bystander/cf/polyfills.js');

console.log(
  JSON.stringify({
    static: linked.connect === connect,
    dynamic: imported === linked,
    elsewhere: elsewhere.connect === connect,
    required: required === require('winter-sockets') && required.connect === connect,
    resolved: import.meta.resolve('cloudflare:sockets') === import.meta.resolve('winter-sockets'),
  }),
);
