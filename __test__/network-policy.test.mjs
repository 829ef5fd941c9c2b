// Where a binding lets connections lead. What is denied is refused under a code of its own, and not dialled.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createBinding } from '../index.js';
import { book, dialBound } from './support/bindings.mjs';
import { assertSocketError, linuxOnly, rejection, served, servedOn, watchDescriptors } from './support/extra-tcp.mjs';
import { openDescriptors, until } from './support/process.mjs';
import { echo, hasIPv6, sink } from './support/servers.mjs';

const limit = { timeout: 120_000 };
const DENIED = { code: 'ERR_SOCKET_POLICY_DENIED', syscall: 'connect' };

watchDescriptors();

/** That the network denies this address of a server, and that nobody came. */
async function assertDenied(t, network, address, server, options) {
  const before = server.connections.length;
  const sockets = openDescriptors();
  const socket = dialBound(t, { network }, address, options);
  const write = rejection(socket.writable.getWriter().write('secret'));
  const read = rejection(socket.readable.getReader().read());
  const error = await rejection(socket.opened, `opened of ${address}`);
  assertSocketError(error, DENIED);
  for (const other of [rejection(socket.closed), write, read]) assert.equal(await other, error);
  await until(() => openDescriptors() <= sockets, { what: 'no descriptor is left' });
  // One that is permitted arrives after any that came before it.
  await dialBound(t, {}, server.address).opened;
  await server.connection(before);
  assert.equal(server.connections.length, before + 1, `${address} was dialled`);
  return error;
}

describe('a denied address', limit, () => {
  for (const network of [
    { deny: ['127.0.0.1'] },
    { deny: ['127.0.0.0/8'] },
    { deny: ['local'] },
    { deny: ['LOCAL'] },
    { deny: ['::ffff:127.0.0.1'] },
    { deny: ['::ffff:127.0.0.0/104'] },
    { deny: ['64:ff9b::127.0.0.0/104'] },
    { deny: ['0.0.0.0/0', '::/0'] },
    { allow: ['::/0'] },
    { allow: [] },
    { allow: ['public'] },
    { allow: ['10.0.0.0/8', 'db.test'] },
    { allow: ['private'], deny: ['local'] },
    { allow: ['127.0.0.1'], deny: ['127.0.0.1'] },
    { allow: ['127.0.0.2'] },
    { allow: ['127.0.0.1:1'] },
  ]) {
    test(`[F2] is not dialled: ${JSON.stringify(network)}`, async (t) => {
      const server = await served(t, sink());
      const error = await assertDenied(t, network, server.address, server);
      assert.equal(error.port, server.port);
      assert.equal(error.address, '127.0.0.1');
    });
  }

  for (const [spelling, isThrown] of [
    ['127.1', false],
    ['0x7f.1', false],
    ['0177.0.0.1', false],
    ['2130706433', false],
    ['0x7f000001', false],
    ['127.0.0.01', false],
    ['[::ffff:127.0.0.1]', false],
    ['[::ffff:7f00:1]', false],
    ['[0:0:0:0:0:ffff:127.0.0.1]', false],
    ['localhost', false],
    ['LOCALHOST', false],
    ['0.0.0.0', false],
    ['0', false],
    ['[::]', false],
    ['[::1]', false],
    ['127.0.0.1.', false],
    ['１２７.0.0.1', true],
    ['127。0。0。1', true],
    ['127.0.0.1\0.example', true],
    ['[::1%lo]', true],
    ['127.0.0.1@example', true],
    ['%3127.0.0.1', true],
  ]) {
    test(`[F2] is denied however it is spelled: ${JSON.stringify(spelling)}`, async (t) => {
      const server = await served(t, sink());
      const network = { deny: ['local'] };
      const address = `${spelling}:${server.port}`;
      if (isThrown) return assert.throws(() => createBinding({ network }).connect(address), TypeError);
      const before = server.connections.length;
      const error = await rejection(dialBound(t, { network }, address).opened);
      // Some of them no resolver knows; what matters is that none is dialled.
      assert.ok(['ERR_SOCKET_POLICY_DENIED', 'ENOTFOUND'].includes(error.code), error.message);
      await dialBound(t, {}, server.address).opened;
      await server.connection(before);
      assert.equal(server.connections.length, before + 1);
    });
  }

  test('[F2] is denied under every name that leads to it', async (t) => {
    const server = await served(t, sink());
    const lookup = book('127.0.0.1');
    const error = await assertDenied(t, { deny: ['local'] }, `db.test:${server.port}`, server, { lookup });
    assert.deepEqual(error.errors, [{ address: '127.0.0.1', port: server.port, code: DENIED.code }]);
    assert.equal(lookup.calls, 1, 'there is no second lookup');
  });

  test('[F2] is denied as an IPv4 address inside an IPv6 one', async (t) => {
    const server = await served(t, sink());
    for (const address of ['::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::']) {
      await assertDenied(t, { deny: ['127.0.0.0/8'] }, `db.test:${server.port}`, server, { lookup: book(address) });
    }
  });

  test('[F2] that a resolver gives the second time is denied the second time', async (t) => {
    const server = await served(t, sink());
    const answers = ['127.0.0.1', '127.0.0.2'];
    const rebinding = (_name, _options, done) => done(null, answers.shift(), 4);
    const network = { deny: ['127.0.0.2'] };
    const config = { network, lookup: rebinding };
    assert.equal((await dialBound(t, config, `db.test:${server.port}`).opened).peerAddress, server.address);
    assertSocketError(await rejection(dialBound(t, config, `db.test:${server.port}`).opened), DENIED);
  });

  test('[F2] among others of a name is left out, and they are dialled', linuxOnly, async (t) => {
    const server = await served(t, sink());
    await servedOn(t, '127.0.0.2', server.port);
    const lookup = book('127.0.0.1', '127.0.0.2');
    const socket = dialBound(t, { network: { deny: ['127.0.0.1'] } }, `db.test:${server.port}`, { lookup });
    assert.equal((await socket.opened).peerAddress, `127.0.0.2:${server.port}`);
    await dialBound(t, {}, server.address).opened;
    await server.connection(0);
    assert.equal(server.connections.length, 1);
  });
});

describe('a denied name', limit, () => {
  test('[F2] is not looked up', async (t) => {
    const server = await served(t, sink());
    const error = await assertDenied(t, { deny: ['localhost'] }, `localhost:${server.port}`, server);
    assert.match(error.message, /the network policy denies this host \(localhost:\d+\)/);
    assert.equal(error.address, 'localhost');
  });

  test('[F2] is not looked up by a function either, however long that would take', async (t) => {
    let calls = 0;
    const lookup = () => calls++;
    const config = { network: { deny: ['db.test'] } };
    for (const [own, options] of [
      [{ ...config, lookup }, {}],
      [config, { lookup }],
    ]) {
      assertSocketError(await rejection(dialBound(t, own, 'db.test:5432', options).opened), DENIED);
    }
    assert.equal(calls, 0);
  });

  test('[F2] is compared without case and final dot, and with its port', async (t) => {
    const server = await served(t, sink());
    const lookup = book('127.0.0.1');
    for (const entry of ['db.test', 'DB.Test.', `db.test:${server.port}`]) {
      for (const name of ['db.test', 'DB.TEST', 'db.test.']) {
        await assertDenied(t, { deny: [entry] }, `${name}:${server.port}`, server, { lookup });
      }
    }
    await dialBound(t, { network: { deny: ['db.test:1'] } }, `db.test:${server.port}`, { lookup }).opened;
    await dialBound(t, { network: { deny: ['b.test'] } }, `db.test:${server.port}`, { lookup }).opened;
  });
});

describe('what is allowed', limit, () => {
  for (const network of [
    undefined,
    {},
    { deny: [] },
    { allow: ['local'] },
    { allow: ['private'] },
    { allow: ['127.0.0.1'] },
    { allow: ['127.0.0.0/8'] },
    { allow: ['::ffff:127.0.0.1/128'] },
    { allow: ['Local'] },
    { deny: ['private'] },
    { deny: ['public'] },
    { deny: ['127.0.0.1:1', '10.0.0.0/8', 'db.test'] },
  ]) {
    test(`[F1] [F2] is reached: ${JSON.stringify(network)}`, async (t) => {
      const server = await served(t, echo());
      await dialBound(t, { network }, server.address).opened;
    });
  }

  test('[F2] by its name and port alone', async (t) => {
    const server = await served(t, sink());
    const network = { allow: [`db.test:${server.port}`] };
    await dialBound(t, { network, lookup: book('127.0.0.1') }, `DB.test:${server.port}`).opened;
    // Both its ends are of this process, and count.
    await server.connection(0);
    await assertDenied(t, network, server.address, server);
  });

  test('[F2] by its name, and where the host has set a lookup by that alone: another could claim any address', async (t) => {
    const server = await served(t, sink());
    const address = `db.test:${server.port}`;
    const own = { lookup: book('127.0.0.1') };
    const named = { allow: ['db.test'] };
    await dialBound(t, { network: named }, address, own).opened;
    await dialBound(t, { network: named, lookup: book('127.0.0.1') }, address).opened;
    const claimed = dialBound(t, { network: named, lookup: book('192.0.2.1') }, address, own);
    assertSocketError(await rejection(claimed.opened), DENIED);
    const ranged = { allow: ['db.test', '127.0.0.0/8'] };
    await dialBound(t, { network: ranged, lookup: book('192.0.2.1') }, address, own).opened;
  });

  test('[F2] is not changed by what is slipped into the prototype of every object', async (t) => {
    const server = await served(t, sink());
    t.after(() => delete Object.prototype.port);
    Object.prototype.port = 1;
    const binding = createBinding({ network: { deny: ['127.0.0.0/8'] } });
    delete Object.prototype.port;
    assertSocketError(await rejection(binding.connect(server.address).opened), DENIED);
  });

  test('[F2] as an address in brackets with its port', { skip: !hasIPv6 && 'needs ::1' }, async (t) => {
    const server = await served(t, sink(), { hosts: ['::1'] });
    await dialBound(t, { network: { allow: [`[::1]:${server.port}`] } }, server.address).opened;
    await dialBound(t, { network: { allow: ['::1'] } }, server.address).opened;
    assertSocketError(
      await rejection(dialBound(t, { network: { allow: ['[::1]:1'] } }, server.address).opened),
      DENIED,
    );
  });
});

describe('an entry that is none is refused when the binding is made', limit, () => {
  for (const entry of [
    '',
    ' ',
    'a b',
    'a..b',
    '.',
    ':80',
    'host:0',
    'host:65536',
    'host:http',
    'http://host',
    '*.example.test',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/8:80',
    '::1/129',
    'fe80::1%lo',
    'fe80::1%lo/64',
    '[::1',
    '[10.0.0.1]',
    '::1:80:',
    '127.1',
    '0x7f.1',
    '2130706433',
    '１２７.0.0.1',
    'local:80',
    'private.',
  ]) {
    test(`[F2] [D7] ${JSON.stringify(entry)}`, () => {
      for (const list of ['allow', 'deny']) {
        assert.throws(() => createBinding({ network: { [list]: ['local', entry] } }), {
          name: 'TypeError',
          code: 'ERR_INVALID_ARG_VALUE',
          message: new RegExp(`^"config.network.${list}\\[1\\]" is `),
        });
      }
    });
  }
});
