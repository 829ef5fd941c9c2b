// What there is to measure, and with what.

import * as connect from './scenarios/connect.mjs';
import * as download from './scenarios/download.mjs';
import * as firstByte from './scenarios/first-byte.mjs';
import * as growth from './scenarios/growth.mjs';
import * as idleMemory from './scenarios/idle-memory.mjs';
import * as pg from './scenarios/pg.mjs';
import * as pingPong from './scenarios/ping-pong.mjs';
import * as slowReader from './scenarios/slow-reader.mjs';
import * as startTls from './scenarios/start-tls.mjs';
import * as upload from './scenarios/upload.mjs';

/** What the others are compared with. */
export const reference = 'node';

/**
 * By name: the title for readers, the runtime (programs.mjs has them), the file of implementations/ (but for "native",
 * which is a program of its own), the package that it needs, if any, and the files that a connection opens, if not one.
 */
export const implementations = {
  'winter-sockets': { title: 'winter-sockets', runtime: 'node', module: 'winter-sockets' },
  node: { title: 'node:net, node:tls', runtime: 'node', module: 'node' },
  toweb: { title: 'Duplex.toWeb', runtime: 'node', module: 'toweb' },
  arrowood: {
    title: '@arrowood.dev/socket',
    runtime: 'node',
    module: 'arrowood',
    needs: '@arrowood.dev/socket',
  },
  workerd: { title: 'workerd', runtime: 'workerd', module: 'workerd', filesPerConnection: 2 },
  deno: { title: 'Deno', runtime: 'deno', module: 'deno' },
  bun: { title: 'Bun.connect', runtime: 'bun', module: 'bun' },
  'bun-node': { title: 'Bun, node:net and node:tls', runtime: 'bun', module: 'node' },
  native: { title: 'native tokio, rustls', runtime: 'native', module: 'native' },
};

const files = {
  download,
  upload,
  'ping-pong': pingPong,
  connect,
  'start-tls': startTls,
  'first-byte': firstByte,
  'idle-memory': idleMemory,
  'slow-reader': slowReader,
  pg,
  growth,
};

const transports = [
  { suffix: 'plain', secureTransport: 'off', port: 'plain' },
  { suffix: 'tls', secureTransport: 'on', port: 'tls' },
];
const upgraded = { secureTransport: 'starttls', port: 'starttls' };

/**
 * Every scenario: `{ name, title, file, unit, collects, short, implementations, variant, secureTransport, port }`. `file` is
 * that of scenarios/, `collects` are those that call the garbage collector, `short` those of the short set,
 * `implementations` has the names of those it exists for, `port` what is spoken on the port of the server that it needs.
 */
export const scenarios = Object.entries(files).flatMap(([file, module]) =>
  module.variants.flatMap((variant) => {
    const { name, title, short } = variant;
    const { unit, collects = false, implementations: only = Object.keys(implementations) } = module;
    const shared = { name, title, file, unit, collects, short, implementations: only, variant };
    if (module === startTls) return [{ ...shared, ...upgraded }];
    return transports.map(({ suffix, ...transport }) => ({
      ...shared,
      ...transport,
      name: `${name}-${suffix}`,
      title: `${title}${suffix === 'tls' ? ', TLS' : ''}`,
    }));
  }),
);

export function findScenario(name) {
  return scenarios.find((each) => each.name === name);
}
