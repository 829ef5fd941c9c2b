// Ports for servers that have to be told theirs.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { until } from './process.mjs';

/** A port below those the system hands out, so that none of the many connections of a test run holds it. */
export async function freePort(host = 'localhost') {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const server = createServer();
    try {
      await once(server.listen(port, host), 'listening');
      await once(server.close(), 'close');
      return port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
}

/** Resolves once somebody accepts connections at a port of 127.0.0.1. */
export function accepting(port, options) {
  return until(() => accepts(port), { what: `port ${port} accepts connections`, ...options });
}

/** Whether somebody accepts connections at a port of 127.0.0.1. */
export async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
