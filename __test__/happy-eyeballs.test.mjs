// Several addresses for one name.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertSocketError,
  dial,
  linuxOnly,
  rejection,
  served,
  servedOn,
  sluggish,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { hasIPv6, refusedPort, sink } from './support/servers.mjs';

watchDescriptors();

/** Dials a name that has these addresses. */
function dialAddresses(t, port, addresses, options) {
  const list = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return dial(t, `db.test:${port}`, { lookup: (_name, _options, done) => done(null, list), ...options });
}

/**
 * Has `open()` open connections until one of them took less than `limit` milliseconds, for a busy machine may take long over
 * some: `{ value, elapsed }` of that one.
 */
async function opensWithin(limit, open) {
  for (let left = 20; ; left--) {
    const start = performance.now();
    const value = await open();
    const elapsed = performance.now() - start;
    if (elapsed < limit) return { value, elapsed };
    assert.ok(left > 0, `none took less than ${limit} ms, the last one ${elapsed} ms`);
  }
}

const dualStack = { skip: linuxOnly.skip || (!hasIPv6 && 'needs ::1') };

// Linux answers on every address of 127.0.0.0/8.
describe('of several addresses', { timeout: 120_000, ...linuxOnly }, () => {
  test('[B4] those that refuse are passed over at once', async (t) => {
    const server = await served(t, sink());
    const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.1'];
    // Four of them with the delay that a silent one costs would be a second.
    const { value } = await opensWithin(900, () => dialAddresses(t, server.port, addresses).opened);
    assert.equal(value.peerAddress, server.address);
    assert.equal(value.remoteAddress, `db.test:${server.port}`);
  });

  test('[B4] one that is silent is joined by the next after a moment', async (t) => {
    const silent = await sluggish(t);
    await servedOn(t, '127.0.0.2', silent.port);
    const before = openDescriptors();
    let opened = 0;
    const { value, elapsed } = await opensWithin(1000, () => {
      opened++;
      return dialAddresses(t, silent.port, ['127.0.0.1', '127.0.0.2']).opened;
    });
    assert.equal(value.peerAddress, `127.0.0.2:${silent.port}`);
    assert.ok(elapsed > 200, `took ${elapsed} ms`);
    // Our ends and the server's.
    await until(() => openDescriptors() <= before + 2 * opened, { what: 'the silent attempts are given up' });
  });

  test('[B4] the first that answers wins although another was asked before', async (t) => {
    const silent = await sluggish(t);
    await servedOn(t, '127.0.0.3', silent.port);
    const socket = dialAddresses(t, silent.port, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    assert.equal((await socket.opened).peerAddress, `127.0.0.3:${silent.port}`);
  });

  test('[B4] a slow one is not given up while it may be the only good one', async (t) => {
    const slow = await sluggish(t);
    const { opened } = dialAddresses(t, slow.port, ['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    // By now the others, which refuse, have had their turns.
    setTimeout(slow.release, 600);
    assert.equal((await opened).peerAddress, slow.address);
  });

  test('[B4][B5] all of them are in the error when all refuse, in the order of attempts', async (t) => {
    const port = await refusedPort();
    const addresses = ['127.0.0.3', '127.0.0.1', '127.0.0.2'];
    const socket = dialAddresses(t, port, addresses);
    const error = await rejection(socket.opened);
    assertSocketError(error, {
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.3',
      port,
      errors: addresses.map((address) => ({ address, port, code: 'ECONNREFUSED' })),
    });
    for (const address of addresses) assert.ok(error.message.includes(`${address}:${port}`), error.message);
    assert.equal(await rejection(socket.closed), error);
  });

  test('[B4] one that is named twice is tried once', async (t) => {
    const port = await refusedPort();
    const { errors } = await rejection(dialAddresses(t, port, ['127.0.0.1', '127.0.0.1', '127.0.0.2']).opened);
    assert.deepEqual(
      errors.map(({ address }) => address),
      ['127.0.0.1', '127.0.0.2'],
    );
  });

  test('[B3] close() in mid-race gives up every attempt', async (t) => {
    const silent = await sluggish(t);
    await sluggish(t, '127.0.0.2', silent.port);
    const before = openDescriptors();
    const socket = dialAddresses(t, silent.port, ['127.0.0.1', '127.0.0.2']);
    await until(() => openDescriptors() === before + 2, { what: 'two attempts are under way' });
    await socket.close();
    assertSocketError(await rejection(socket.opened), { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' });
    await until(() => openDescriptors() === before);
  });
});

describe('of both families', { timeout: 120_000, ...dualStack }, () => {
  test('[B4] a silent IPv6 address is joined by the IPv4 one, and opens in less than a second', async (t) => {
    const silent = await sluggish(t, '::1');
    await servedOn(t, '127.0.0.1', silent.port);
    const { value } = await opensWithin(1000, () => dialAddresses(t, silent.port, ['::1', '127.0.0.1']).opened);
    assert.equal(value.peerAddress, `127.0.0.1:${silent.port}`);
  });

  test('[B4] a slow IPv6 address opens although the IPv4 one is dead', async (t) => {
    const slow = await sluggish(t, '::1');
    const { opened } = dialAddresses(t, slow.port, ['::1', '127.0.0.1']);
    // Time enough for the other, which refuses, to have its turn.
    setTimeout(slow.release, 600);
    assert.equal((await opened).peerAddress, slow.address);
  });

  test('[B4] addresses take turns, beginning with the family of the first', async (t) => {
    const port = await refusedPort();
    for (const [given, order] of [
      [
        ['127.0.0.2', '127.0.0.3', '::1'],
        ['127.0.0.2', '::1', '127.0.0.3'],
      ],
      [
        ['::1', '127.0.0.2', '127.0.0.3'],
        ['::1', '127.0.0.2', '127.0.0.3'],
      ],
    ]) {
      const { errors } = await rejection(dialAddresses(t, port, given).opened);
      assert.deepEqual(
        errors.map(({ address }) => address),
        order,
      );
    }
  });
});
