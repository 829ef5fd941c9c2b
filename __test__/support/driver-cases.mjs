// What the tests of drivers share.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { after, before } from 'node:test';
import { createAuthority } from './certs.mjs';

/** Counts the connections that come up through the package during a test: `opened.count`. A driver that goes by it shows here. */
export function watchOpened(t) {
  const opened = { count: 0 };
  const count = () => {
    opened.count++;
  };
  subscribe('winter-sockets:open', count);
  t.after(() => unsubscribe('winter-sockets:open', count));
  return opened;
}

/** A handler for `serve()`: passes everything on to a port of this machine, as what terminates TLS in front of a server does. */
export function forwardTo(port) {
  return (stream) => {
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    // Whatever ends the one ends the other; how, is the business of the two ends.
    const ended = () => {};
    pipeline(stream, upstream, ended);
    pipeline(upstream, stream, ended);
  };
}

/**
 * For a suite: a server that `start(credentials)` resolves to, with a certificate of its own authority. The object that comes
 * back has `{ authority, credentials, server }` by the time the tests run; the server is stopped after them.
 */
export function ownServer(start) {
  const own = {};
  before(async () => {
    own.authority = await createAuthority();
    own.credentials = await own.authority.issue();
    own.server = await start(own.credentials);
  });
  after(() => own.server?.stop());
  return own;
}
