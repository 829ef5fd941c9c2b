// A resolver of the application's own.

import assert from 'node:assert/strict';
import { lookup as systemLookup } from 'node:dns';
import { describe, test } from 'node:test';
import {
  assertSocketError,
  commonRejection,
  dial,
  isPending,
  rejection,
  served,
  watchDescriptors,
} from './support/extra-tcp.mjs';
import { sink } from './support/servers.mjs';

watchDescriptors();

/** Dials a name that only the lookup knows. */
function dialName(t, server, lookup, options) {
  return dial(t, `db.test:${server.port}`, { lookup, ...options });
}

const notFound = Object.assign(new Error('not in the book'), { code: 'ENOTFOUND' });
const coded = Object.assign(new Error('no answer'), { code: 'ESERVFAIL' });
const plain = new Error('no code');

describe('lookup', { timeout: 120_000 }, () => {
  const answers = [
    ['a list', (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }])],
    ['one address', (_name, _options, done) => done(null, '127.0.0.1', 4)],
    ['an answer in a later turn', (_name, _options, done) => setImmediate(done, null, '127.0.0.1', 4)],
    ['an answer with undefined for the error', (_name, _options, done) => done(undefined, '127.0.0.1', 4)],
    [
      'two answers, of which the first counts',
      (_name, _options, done) => {
        done(null, '127.0.0.1', 4);
        done(notFound);
      },
    ],
    [
      'an answer before it throws',
      (_name, _options, done) => {
        done(null, '127.0.0.1', 4);
        throw plain;
      },
    ],
  ];
  for (const [name, lookup] of answers) {
    test(`[D9] may give ${name}`, async (t) => {
      const server = await served(t, sink());
      const info = await dialName(t, server, lookup).opened;
      assert.equal(info.remoteAddress, `db.test:${server.port}`);
      assert.equal(info.peerAddress, server.address);
    });
  }

  test('[D9] is called once, with the name and the options of Node for all addresses', async (t) => {
    const server = await served(t, sink());
    const calls = [];
    const socket = dialName(t, server, (name, options, done) => {
      calls.push([name, options]);
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    });
    await socket.opened;
    await socket.close();
    assert.equal(calls.length, 1);
    const [[name, { all }]] = calls;
    assert.equal(name, 'db.test');
    assert.equal(all, true);
  });

  test('[D9] may be that of Node itself', async (t) => {
    const server = await served(t, sink());
    const { peerAddress } = await dial(t, `localhost:${server.port}`, { lookup: systemLookup }).opened;
    assert.equal(peerAddress, server.address);
  });

  test('[D9] is not called for an address, nor where the signal is aborted already', async (t) => {
    const server = await served(t, sink());
    const lookup = () => assert.fail('called');
    await dial(t, server, { lookup }).opened;
    await rejection(dialName(t, server, lookup, { signal: AbortSignal.abort() }).opened);
  });

  const failures = [
    ['an error', (_name, _options, done) => done(notFound), 'ENOTFOUND', notFound],
    ['an error with a code of its own', (_name, _options, done) => done(coded), 'ESERVFAIL', coded],
    ['an error without a code', (_name, _options, done) => done(plain), 'ENOTFOUND', plain],
    [
      'a throw',
      () => {
        throw coded;
      },
      'ESERVFAIL',
      coded,
    ],
    ['an empty list', (_name, _options, done) => done(null, []), 'ENOTFOUND'],
    ['a name instead of an address', (_name, _options, done) => done(null, 'localhost', 4), 'ERR_INVALID_IP_ADDRESS'],
    [
      'one bad address among good ones',
      (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }, {}]),
      'ERR_INVALID_IP_ADDRESS',
    ],
    ['nothing', (_name, _options, done) => done(null), 'ERR_INVALID_IP_ADDRESS'],
    [
      'an address of an interface that does not exist',
      (_name, _options, done) => done(null, 'fe80::1%none0', 6),
      'ERR_INVALID_IP_ADDRESS',
    ],
  ];
  for (const [name, lookup, code, cause] of failures) {
    test(`[B5] that gives ${name} fails the connection`, async (t) => {
      const server = await served(t, sink());
      const socket = dialName(t, server, lookup);
      const write = socket.writable.getWriter().write('x');
      const read = socket.readable.getReader().read();
      const error = await commonRejection({ opened: socket.opened, closed: socket.closed, write, read });
      assertSocketError(error, { code, syscall: 'getaddrinfo', address: 'db.test', port: server.port });
      if (cause) assert.equal(error.cause, cause);
      assert.equal(await socket.close(), undefined);
      assert.equal(server.connections.length, 0);
    });
  }

  test('[B6] that fails within connect() is told later, not thrown', async (t) => {
    const server = await served(t, sink());
    const { opened } = dialName(t, server, () => {
      throw plain;
    });
    assertSocketError(await rejection(opened), { code: 'ENOTFOUND' });
  });
});

describe('a lookup that never answers', { timeout: 120_000 }, () => {
  let answer;
  const never = (_name, _options, done) => {
    answer = done;
  };

  test('[B3] leaves the socket pending, and close() gives up at once', async (t) => {
    const server = await served(t, sink());
    const socket = dialName(t, server, never);
    assert.ok(await isPending(socket.opened));
    assert.equal(await socket.close(), undefined);
    assertSocketError(await rejection(socket.opened), { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN' });
    assert.equal(await socket.closed, undefined);

    answer(null, '127.0.0.1', 4);
    await dial(t, server).opened;
    await server.connection(0);
    assert.equal(server.connections.length, 1, 'an answer that comes later opens nothing');
  });

  test('[B2] can be given up with a reason', async (t) => {
    const server = await served(t, sink());
    const reason = new Error('given up');
    const socket = dialName(t, server, never);
    await socket.close(reason);
    assert.equal(await commonRejection({ opened: socket.opened, closed: socket.closed }), reason);
    answer(notFound);
    assert.equal(await rejection(socket.closed), reason);
  });

  test('[C5] lets close() give up after two seconds where a write is queued', async (t) => {
    const socket = dialName(t, await served(t, sink()), never);
    const write = socket.writable.getWriter().write('queued');
    const close = socket.close();
    assertSocketError(await commonRejection({ write, opened: socket.opened }), { code: 'ERR_SOCKET_CLOSE_TIMEOUT' });
    assert.deepEqual(await Promise.all([close, socket.closed]), [undefined, undefined]);
  });
});
