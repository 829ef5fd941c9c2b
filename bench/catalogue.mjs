// What there is to measure, and with what.

import * as connect from './scenarios/connect.mjs';
import * as download from './scenarios/download.mjs';
import * as idleMemory from './scenarios/idle-memory.mjs';
import * as pingPong from './scenarios/ping-pong.mjs';
import * as slowReader from './scenarios/slow-reader.mjs';
import * as startTls from './scenarios/start-tls.mjs';
import * as upload from './scenarios/upload.mjs';

/** What the others are compared with. */
export const reference = 'node';

/** By name, which is the name of the file, with a title for readers. */
export const implementations = {
  'winter-sockets': { title: 'winter-sockets' },
  node: { title: 'node:net, node:tls' },
  toweb: { title: 'Duplex.toWeb' },
  arrowood: { title: '@arrowood.dev/socket' },
};

const transports = [
  { suffix: 'plain', secureTransport: 'off', port: 'plain' },
  { suffix: 'tls', secureTransport: 'on', port: 'tls' },
];

/**
 * Every scenario: `{ name, title, unit, short, run, variant, secureTransport, port }`. `short` are those of the short
 * set, `port` is what is spoken on the port of the server that it needs.
 */
export const scenarios = [
  ...[download, upload, pingPong, connect].flatMap(overEachTransport),
  ...startTls.variants.map((variant) => scenario(startTls, variant, { secureTransport: 'starttls', port: 'starttls' })),
  ...[idleMemory, slowReader].flatMap(overEachTransport),
];

export function findScenario(name) {
  return scenarios.find((each) => each.name === name);
}

function overEachTransport(module) {
  return module.variants.flatMap((variant) =>
    transports.map(({ suffix, ...transport }) => ({
      ...scenario(module, variant, transport),
      name: `${variant.name}-${suffix}`,
      title: `${variant.title}${suffix === 'tls' ? ', TLS' : ''}`,
    })),
  );
}

function scenario({ unit, run }, variant, { secureTransport, port }) {
  const { name, title, short } = variant;
  return { name, title, unit, short, run, variant, secureTransport, port };
}
