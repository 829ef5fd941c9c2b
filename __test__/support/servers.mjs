// Servers on loopback, each on a port of the system's choice: `serve(echo())`, `serve(overTls({ cert, key }, echo()))`,
// `serve(startTls({}, overTls({ cert, key }, echo())))`.

import { EventEmitter, once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ConnectionLog } from './connection-log.mjs';
import { freePort } from './ports.mjs';

export * from './handlers.mjs';
export * from './tls-handlers.mjs';

/** Whether this machine can listen on ::1. */
export const hasIPv6 = Object.values(networkInterfaces()).some((list) => list.some(({ address }) => address === '::1'));

/**
 * Starts a server that gives each connection to the handler. `hosts` listens on several addresses under one port.
 *
 * Returns `{ host, port, address, connections, connection(index), close() }`: the logs in order of arrival, and a promise of
 * the log of the connection that is or will be the index-th. `close()` drops the connections that are left.
 */
export async function serve(handler, { hosts = ['127.0.0.1'] } = {}) {
  const connections = [];
  const arrivals = new EventEmitter();

  const accept = (socket) => {
    const log = new ConnectionLog(socket);
    const index = connections.push(log) - 1;
    handler(socket, log);
    arrivals.emit(index, log);
  };
  const servers = await listen(hosts, accept);
  const { port } = servers[0].address();

  return {
    host: hosts[0],
    port,
    address: `${hosts[0].includes(':') ? `[${hosts[0]}]` : hosts[0]}:${port}`,
    connections,
    async connection(index) {
      return connections[index] ?? (await once(arrivals, index))[0];
    },
    async close() {
      const closing = servers.map((server) => server.listening && once(server.close(), 'close'));
      for (const { socket } of connections) socket.destroy();
      await Promise.all([...closing, ...connections.map(({ closed }) => closed)]);
    },
  };
}

/**
 * An address that answers no connection attempt: a listener that accepts nobody and whose queue is full. Linux drops what
 * does not fit the queue; other systems refuse it.
 */
export async function blackhole() {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./blackhole-worker.mjs', import.meta.url), { workerData: shared });
  const [port] = await once(worker, 'message');
  // A queue of length n takes n + 1; the listener asks for 1, the least there is.
  const fillers = await Promise.all([open(port), open(port)]);

  return {
    host: '127.0.0.1',
    port,
    address: `127.0.0.1:${port}`,
    async close() {
      for (const filler of fillers) filler.destroy();
      Atomics.store(shared, 0, 1);
      Atomics.notify(shared, 0);
      await once(worker, 'exit');
    },
  };
}

/**
 * A port of 127.0.0.1 that refuses connections, as far as one can know. Not one that the system hands out: the attempt to
 * connect could be given the same one for its own end, and would then reach itself.
 */
export const refusedPort = () => freePort('127.0.0.1');

async function listen([first, ...others], accept) {
  const server = await listenOn(first, 0, accept);
  try {
    return [server, ...(await Promise.all(others.map((host) => listenOn(host, server.address().port, accept))))];
  } catch (error) {
    server.close();
    // The port that was free on the first address was taken on another one.
    if (error.code === 'EADDRINUSE') return listen([first, ...others], accept);
    throw error;
  }
}

async function listenOn(host, port, accept) {
  // Paused: a handler that does not read must leave the bytes in the kernel.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, accept);
  await once(server.listen(port, host), 'listening');
  return server;
}

async function open(port) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // The listener's exit resets it.
  socket.on('error', () => {});
  return socket;
}
