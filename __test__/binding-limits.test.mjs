// What a binding sets besides TLS: limits of time, keep-alive, its own lookup.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { book, dialBound } from './support/bindings.mjs';
import { createAuthority } from './support/certs.mjs';
import {
  assertSocketError,
  dial,
  flood,
  linuxOnly,
  rejection,
  served,
  sluggish,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { exchange, limit } from './support/extra-tls.mjs';
import { echo, overTls, silent, sink } from './support/servers.mjs';

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue({ names: ['db.test'] });
  identity = { cert: chain, key };
});

/**
 * What `act(timeout)` gives, asked anew with twice the time while that is null: a busy machine may have taken all of it for
 * what has to come first.
 */
async function inTime(act, timeout = 100) {
  return (await act(timeout)) ?? inTime(act, 2 * timeout);
}

/** A connection that came up in time, or null. */
async function up(socket) {
  const error = await socket.opened.then(
    () => null,
    (error) => error,
  );
  if (error !== null) assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'connect' });
  return error === null ? socket : null;
}

describe('timeout', limit, () => {
  test('[B2] bounds a connect that nobody answers', { ...linuxOnly }, async (t) => {
    const silentPort = await sluggish(t);
    const socket = dialBound(t, { timeout: 100 }, silentPort);
    const write = rejection(socket.writable.getWriter().write('hello'));
    const error = await rejection(socket.opened);
    const { host: address, port } = silentPort;
    assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'connect', address, port });
    assert.match(error.message, /connect ETIMEDOUT: not done within 100 ms/);
    assert.equal(await rejection(socket.closed), error);
    assert.equal(await write, error);
  });

  test('[B2] bounds a lookup that does not answer', async (t) => {
    const socket = dialBound(t, { timeout: 50, lookup: () => {} }, 'db.test:5432');
    assertSocketError(await rejection(socket.opened), { code: 'ETIMEDOUT', syscall: 'connect' });
  });

  test('[B2] [D1] bounds a handshake that is not answered', async (t) => {
    const server = await served(t, sink());
    const error = await inTime(async (timeout) => {
      const error = await rejection(dialBound(t, { timeout }, server, { secureTransport: 'on' }).opened);
      return error.syscall === 'connect' ? null : error;
    });
    assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'handshake', address: server.host, port: server.port });
    await (await server.connection(0)).closed;
  });

  for (const [what, handler, plaintext] of [
    ['the handshake of an upgrade, from its beginning', sink(), null],
    ['an upgrade whose plaintext nobody takes', silent(), new Uint8Array(16 * 1024 * 1024)],
  ]) {
    test(`[B2] [D1] bounds ${what}`, async (t) => {
      const server = await served(t, handler);
      const starttls = { secureTransport: 'starttls' };
      const plain = await inTime((timeout) => up(dialBound(t, { timeout }, server, starttls)));
      const writer = plain.writable.getWriter();
      const write = plaintext && rejection(writer.write(plaintext));
      writer.releaseLock();
      const error = await rejection(plain.startTls().opened);
      assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'handshake' });
      if (plaintext) assert.equal(await write, error);
      await plain.closed;
      if (!plaintext) await (await server.connection(0)).closed;
    });
  }

  test('[B2] bounds a checkServerIdentity that does not answer', async (t) => {
    const server = await served(t, overTls(identity, sink()));
    const error = await inTime(async (timeout) => {
      let asked = false;
      const checkServerIdentity = () => {
        asked = true;
        return new Promise(() => {});
      };
      const tls = { ca: authority.pem, checkServerIdentity };
      const error = await rejection(dialBound(t, { timeout, tls }, server, { secureTransport: 'on' }).opened);
      return asked ? error : null;
    });
    assertSocketError(error, { code: 'ETIMEDOUT', syscall: 'handshake' });
  });

  test('[B2] means nothing to a connection that is up', async (t) => {
    const server = await served(t, echo());
    let latest;
    const socket = await inTime((timeout) => {
      latest = timeout;
      return up(dialBound(t, { timeout }, server));
    });
    // Another one's time runs out meanwhile, which was started later.
    const other = dialBound(t, { timeout: latest + 50, lookup: () => {} }, 'db.test:1');
    assertSocketError(await rejection(other.opened), { code: 'ETIMEDOUT' });
    assert.equal(await exchange(socket, 'hello'), 'hello');
  });
});

describe('closeTimeout', limit, () => {
  test('[C5] is how long close() waits without progress', async (t) => {
    const server = await served(t, silent());
    const bound = dialBound(t, { closeTimeout: 50 }, server);
    const plain = dial(t, server);
    const started = performance.now();
    await Promise.all([bound, plain].map(async (socket) => flood(socket.writable.getWriter(), await socket.opened)));
    assertSocketError(await rejection(bound.close()), { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    await bound.closed;
    const took = performance.now() - started;
    assertSocketError(await rejection(plain.close()), { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    // The other one waits for the two seconds of the default, and began no earlier.
    assert.ok(performance.now() - started - took > 1000, 'the default is longer');
  });
});

describe('keepAlive', { ...limit, ...linuxOnly }, () => {
  /** The timer that the kernel has set for our end: `{ kind, milliseconds }`, kind 2 being that of keep-alive (proc_net_tcp). */
  const timerOf = async (socket) => {
    const { localAddress } = await socket.opened;
    const port = Number(localAddress.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .find((each) => each.includes(`0100007F:${port} 0100007F:`) && each.includes(' 01 '));
    const [kind, ticks] = line.trim().split(/\s+/)[5].split(':');
    return { kind: Number.parseInt(kind, 16), milliseconds: 10 * Number.parseInt(ticks, 16) };
  };

  test('[E7] is off unless it is asked for', async (t) => {
    const server = await served(t, sink());
    for (const socket of [dial(t, server), dialBound(t, { keepAlive: false }, server)]) {
      assert.equal((await timerOf(socket)).kind, 0);
    }
  });

  test('[E7] sets when the kernel probes, and true leaves that to the system', async (t) => {
    const server = await served(t, sink());
    const system = 1000 * Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8'));
    for (const [keepAlive, expected] of [
      [10_000, 10_000],
      [60_000, 60_000],
      [true, system],
    ]) {
      const start = performance.now();
      const { kind, milliseconds } = await timerOf(dialBound(t, { keepAlive }, server));
      const since = performance.now() - start;
      assert.equal(kind, 2);
      // The kernel rounds such times up, by an eighth at most.
      const isRight = milliseconds > expected - since - 100 && milliseconds < 1.13 * expected;
      assert.ok(isRight, `${milliseconds} of ${expected} ms are left after ${since} ms`);
    }
  });
});

describe('lookup', limit, () => {
  test('[D9] of a binding finds its hosts, unless the application brings its own', async (t) => {
    const server = await served(t, sink());
    const lookup = book('127.0.0.1');
    const own = book('127.0.0.1');
    await dialBound(t, { lookup }, `db.test:${server.port}`).opened;
    await dialBound(t, { lookup }, `db.test:${server.port}`, { lookup: own }).opened;
    assert.deepEqual([lookup.calls, own.calls], [1, 1]);
  });
});
