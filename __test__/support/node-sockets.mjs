// Sockets of Node and node-style sockets of the package, opened alike: what holds for the one has to hold for the other.

import { once } from 'node:events';
import { connect as connectNet } from 'node:net';
import { before } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { connect } from '../../index.js';
import { toNodeSocket } from '../../lib/node/index.js';
import { createAuthority } from './certs.mjs';
import { overTls, serve } from './servers.mjs';

/** Ways to open a socket: `open({ host, port, ca, lookup, signal, allowHalfOpen })`. */
export const kinds = {
  'net.Socket': {
    open: ({ host, port, ...options }) => connectNet({ host, port, ...options }),
  },
  'a node-style socket': {
    open: ({ host, port, ca, ...options }) => toNodeSocket(connect({ hostname: host, port }, options)),
  },
  'tls.TLSSocket': {
    isTls: true,
    open: ({ host, port, ca, ...options }) => connectTls({ host, port, ca, servername: 'localhost', ...options }),
  },
  'a node-style socket over TLS': {
    isTls: true,
    open: ({ host, port, ca, ...options }) =>
      toNodeSocket(
        connect({ hostname: host, port }, { secureTransport: 'on', tls: { ca, servername: 'localhost' }, ...options }),
      ),
  },
};

/** The sockets that a test has opened. */
const sockets = new WeakMap();

let authority;
let credentials;

/** Makes the certificates of the TLS kinds; to be called once by a test file. */
export function prepareCertificates() {
  before(async () => {
    authority = await createAuthority();
    credentials = await authority.issue();
  });
}

/** A server for a kind of socket, closed when the test ends. */
export async function servedTo(t, kind, handler, options) {
  const server = await serve(kind.isTls ? overTls(credentials, handler) : handler, options);
  t.after(() => {
    // First these: what the server's going away would tell them is no part of the test.
    for (const socket of sockets.get(t) ?? []) socket.destroy();
    return server.close();
  });
  return server;
}

/** A socket of a kind, destroyed when the test ends that has a server. */
export function dialAs(t, kind, { host, port }, options) {
  const socket = kind.open({ host, port, ca: authority?.pem, ...options });
  if (!sockets.has(t)) sockets.set(t, []);
  sockets.get(t).push(socket);
  return socket;
}

/** The two in one: a socket that is up, and the server's log of it. */
export async function connectedAs(t, kind, handler, options) {
  const server = await servedTo(t, kind, handler);
  const socket = dialAs(t, kind, server, options);
  await once(socket, kind.isTls ? 'secureConnect' : 'connect');
  return { socket, server, log: await server.connection(0) };
}

/** The events of a socket, in order, with their arguments where they have any. Asking for 'data' starts the flow. */
export function record(socket, names) {
  const events = [];
  for (const name of names) socket.on(name, (...args) => events.push([name, ...args]));
  return events;
}
