// What a program sees of its surroundings once pg and postgres are loaded; has to be the same with and without the preload.

import { createRequire } from 'node:module';
import imported from 'bystander';
import seenByImported from 'bystander/stream';
import 'pg';
import 'postgres';

const require = createRequire(import.meta.url);
const { get, set, ...flags } = Object.getOwnPropertyDescriptor(globalThis, 'navigator') ?? {};

console.log(
  JSON.stringify({
    navigator: { ...flags, get: String(get), set: String(set) },
    userAgent: globalThis.navigator?.userAgent,
    globals: Object.getOwnPropertyNames(globalThis),
    conditions: { imported, required: require('bystander') },
    agents: { imported: seenByImported, required: require('bystander/stream') },
    environment: process.env,
    extensions: Object.keys(require.extensions),
    listeners: process.eventNames().map(String),
  }),
);
