// startTls(): what the old socket and the new one do when all goes well.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { text } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { Socket } from '../index.js';
import { createAuthority } from './support/certs.mjs';
import {
  askForTls,
  checkpoint,
  dial,
  exchange,
  failureOf,
  gate,
  limit,
  plainBytes,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { closer, echo, greeter, halfOpen, overTls, pattern, startTls } from './support/servers.mjs';

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const trusting = (options) => ({ ca: authority.pem, ...options });
const starttls = { secureTransport: 'starttls' };

/** A socket whose server is ready for the handshake, with the server. */
async function readyForTls(t, next = echo(), options = {}) {
  const server = await served(t, startTls({}, overTls(identity, next)));
  const plain = dial(t, server, { ...starttls, ...options });
  await askForTls(plain);
  return { plain, server };
}

describe('the new socket', limit, () => {
  test('[D1] is there at once, and its streams can be used before the handshake', async (t) => {
    const { plain, server } = await readyForTls(t);
    const secure = upgrade(t, plain, trusting());
    assert.ok(secure instanceof Socket);
    assert.notEqual(secure, plain);
    assert.equal(await exchange(secure, 'hello'), 'hello');
    const log = await server.connection(0);
    assert.deepEqual(log.commands, ['STARTTLS']);
    assert.equal(log.text, 'hello');
    assert.equal(server.connections.length, 1);
  });

  test('[D3] says "on", the old one still "starttls", and only the old one is upgraded, once it is flushed', async (t) => {
    const { plain } = await readyForTls(t);
    const secure = upgrade(t, plain, trusting());
    assert.deepEqual([plain.upgraded, secure.upgraded], [false, false]);
    await plain.closed;
    assert.deepEqual([plain.upgraded, secure.upgraded], [true, false]);
    await secure.opened;
    assert.deepEqual([plain.upgraded, secure.upgraded], [true, false]);
    assert.deepEqual([plain.secureTransport, secure.secureTransport], ['starttls', 'on']);
  });

  test('[D2] opened waits for the handshake, the old closed does not', async (t) => {
    const { handler, open, reached } = gate(overTls(identity, echo()));
    const server = await served(t, startTls({}, handler));
    const plain = dial(t, server, starttls);
    await askForTls(plain);
    const secure = upgrade(t, plain, trusting());
    let opened = false;
    secure.opened.then(() => {
      opened = true;
    });
    await plain.closed;
    const hello = await reached;
    assert.equal(hello[0], 22);
    assert.equal(opened, false);
    open();
    await secure.opened;
  });

  test('[D9] tells of the same connection as the old one, and of TLS', async (t) => {
    const { plain, server } = await readyForTls(t);
    const before = await plain.opened;
    const after = await upgrade(t, plain, trusting()).opened;
    for (const name of ['remoteAddress', 'localAddress', 'peerAddress']) assert.equal(after[name], before[name], name);
    assert.equal(before.peerAddress, server.address);
    assert.deepEqual([before.tlsVersion, before.cipher, before.peerCertificate], [null, null, null]);
    assert.equal(after.tlsVersion, 'TLSv1.3');
  });

  test('[D1] reads what the server says first over TLS', async (t) => {
    const { plain } = await readyForTls(t, greeter('welcome'));
    const reader = upgrade(t, plain, trusting()).readable.getReader();
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'welcome');
  });

  test('[C3] keeps allowHalfOpen and highWaterMark of the old one', async (t) => {
    const { plain, server } = await readyForTls(t, closer('bye'), { allowHalfOpen: true, highWaterMark: 4321 });
    const secure = upgrade(t, plain, trusting());
    const writer = secure.writable.getWriter();
    assert.equal(writer.desiredSize, 4321);
    assert.equal(await text(secure.readable), 'bye');
    await writer.write('still here');
    await writer.close();
    await secure.closed;
    const log = await server.connection(0);
    await log.ended;
    assert.equal(log.text, 'still here');

    const { plain: strict } = await readyForTls(t, closer('bye'));
    const closing = upgrade(t, strict, trusting());
    assert.equal(await text(closing.readable), 'bye');
    await closing.closed;
  });

  test('[D7] takes what is not given to startTls() from connect()', async (t) => {
    const { plain } = await readyForTls(t, echo(), { tls: trusting({ maxVersion: 'TLSv1.2' }) });
    assert.equal((await upgrade(t, plain).opened).tlsVersion, 'TLSv1.2');
  });

  test('[D7] takes what drivers pass: no options, empty ones, and members that are no settings of TLS', async (t) => {
    const driver = {
      socket: new EventEmitter(),
      host: 'db.test',
      port: 1,
      whatever: Symbol('x'),
      servername: undefined,
    };
    for (const options of [undefined, null, {}, driver, () => {}]) {
      const { plain } = await readyForTls(t, echo(), { tls: trusting() });
      assert.equal(await exchange(upgrade(t, plain, options), 'hello'), 'hello');
    }
  });

  test('[B2] is given up by the signal of connect(), before and after its handshake', async (t) => {
    for (const wait of [false, true]) {
      const controller = new AbortController();
      const { plain, server } = await readyForTls(t, echo(), { signal: controller.signal });
      const secure = upgrade(t, plain, trusting());
      if (wait) await secure.opened;
      const read = secure.readable.getReader().read();
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(read, reason);
      await assert.rejects(secure.closed, reason);
      await (await server.connection(0)).closed;
    }
  });
});

describe('the old socket', limit, () => {
  test('[D3] closed resolves after a macrotask, when the new writer is ready and before the new socket opens', async (t) => {
    const { plain } = await readyForTls(t);
    const order = [];
    plain.closed.then(() => order.push('old closed'));
    const secure = upgrade(t, plain, trusting());
    const writer = secure.writable.getWriter();
    writer.ready.then(() => order.push('new ready'));
    const opened = secure.opened.then(() => order.push('new opened'));
    for (let turn = 0; turn < 1000; turn++) await null;
    assert.deepEqual(order, ['new ready']);
    await opened;
    assert.deepEqual(order, ['new ready', 'old closed', 'new opened']);
  });

  test('[D4] plaintext that is not sent yet goes first; then closed resolves, then TLS begins', async (t) => {
    const size = 16 * 1024 * 1024;
    const data = pattern(size);
    const release = checkpoint();
    const plaintext = plainBytes(size, overTls(identity, echo()));
    const server = await served(t, async (stream, log) => {
      await release.opened;
      plaintext.handler(stream, log);
    });
    const plain = dial(t, server, starttls);
    const settled = [];
    const writer = plain.writable.getWriter();
    let written = false;
    const write = writer.write(data).then(() => {
      written = true;
    });
    writer.releaseLock();
    const secure = upgrade(t, plain, trusting());
    const closed = plain.closed.then(() => settled.push('old closed'));
    const opened = secure.opened.then(() => settled.push('new opened'));
    await plain.opened;
    // A whole conversation is time enough for a promise to settle wrongly.
    const other = await readyForTls(t);
    await upgrade(t, other.plain, trusting()).opened;
    assert.deepEqual([settled, written], [[], false]);

    release.open();
    await Promise.all([write, closed, opened]);
    assert.deepEqual(settled, ['old closed', 'new opened']);
    assert.equal((await plaintext.received).sha256, createHash('sha256').update(data).digest('hex'));
    assert.equal(await exchange(secure, 'hello'), 'hello');
  });

  test('[D4] small writes before startTls() are plaintext, those after it TLS, in order and none lost', async (t) => {
    const plaintext = plainBytes(300, overTls(identity, echo()));
    const server = await served(t, plaintext.handler);
    const plain = dial(t, server, starttls);
    const writer = plain.writable.getWriter();
    for (let index = 0; index < 100; index++) writer.write(String(index).padStart(3));
    writer.releaseLock();
    const secure = upgrade(t, plain, trusting());
    const secureWriter = secure.writable.getWriter();
    for (let index = 0; index < 100; index++) secureWriter.write(String(index).padStart(3, '-'));
    await secureWriter.close();
    const log = await server.connection(0);
    await log.ended;
    const numbers = (pad) => Array.from({ length: 100 }, (_, index) => String(index).padStart(3, pad)).join('');
    assert.equal((await plaintext.received).text, numbers(' '));
    assert.equal(log.text, numbers('-'));
  });

  test('[D4] may be upgraded before it is up: TLS begins with the first byte', async (t) => {
    const server = await served(t, overTls(identity, echo()));
    const plain = dial(t, server, starttls);
    const secure = upgrade(t, plain, trusting());
    const order = [];
    await Promise.all([
      plain.opened.then(({ tlsVersion }) => order.push(`old opened, ${tlsVersion}`)),
      plain.closed.then(() => order.push('old closed')),
      secure.opened.then(({ tlsVersion }) => order.push(`new opened, ${tlsVersion}`)),
    ]);
    assert.deepEqual(order, ['old opened, null', 'old closed', 'new opened, TLSv1.3']);
    assert.equal(await exchange(secure, 'hello'), 'hello');
  });

  test('[D4] [E5] may be upgraded while a plaintext write waits for the connection', async (t) => {
    const plaintext = plainBytes(5, overTls(identity, echo()));
    const server = await served(t, plaintext.handler);
    const plain = dial(t, server, starttls);
    const writer = plain.writable.getWriter();
    const write = writer.write('plain');
    writer.releaseLock();
    const secure = upgrade(t, plain, trusting());
    assert.equal(await exchange(secure, 'hello'), 'hello');
    await write;
    assert.equal((await plaintext.received).text, 'plain');
  });

  test('[D4] a read still pending after releaseLock() takes no byte of the new one', async (t) => {
    for (const mode of [undefined, 'byob']) {
      const { plain, server } = await readyForTls(t, greeter('welcome', echo()));
      const reader = plain.readable.getReader({ mode });
      const read = mode ? reader.read(new Uint8Array(64)) : reader.read();
      reader.releaseLock();
      const released = assert.rejects(read, TypeError);
      const secure = upgrade(t, plain, trusting());
      assert.equal(await exchange(secure, 'hello', 'welcome'), 'welcome');
      assert.equal(await exchange(secure, '', 'hello'), 'hello');
      await released;
      assert.equal((await server.connection(0)).text, 'hello');
    }
  });

  test('[D4] its readable may be cancelled before, or its writable aborted: the new one has both directions', async (t) => {
    for (const giveUp of [({ readable }) => readable.cancel(), ({ writable }) => writable.abort(new Error('enough'))]) {
      const { plain } = await readyForTls(t);
      await giveUp(plain);
      assert.equal(await exchange(upgrade(t, plain, trusting()), 'hello'), 'hello');
    }
  });

  test('[D4] its output may have ended before: there is no way to TLS then, and the new one fails', async (t) => {
    const { plain } = await readyForTls(t);
    await plain.writable.close();
    const error = await failureOf(upgrade(t, plain, trusting()));
    assert.equal(error.code, 'ERR_SOCKET_BAD_STATE');
  });

  test('[D3] its streams stay locked, and nothing can be done to them', async (t) => {
    const { plain } = await readyForTls(t);
    const secure = upgrade(t, plain, trusting());
    for (const phase of ['at once', 'later']) {
      assert.ok(plain.readable.locked, phase);
      assert.ok(plain.writable.locked, phase);
      assert.throws(() => plain.readable.getReader(), TypeError);
      assert.throws(() => plain.readable.getReader({ mode: 'byob' }), TypeError);
      assert.throws(() => plain.writable.getWriter(), TypeError);
      await assert.rejects(plain.readable.cancel(), TypeError);
      await assert.rejects(plain.writable.close(), TypeError);
      await assert.rejects(plain.writable.abort(), TypeError);
      await secure.opened;
    }
    assert.equal(await exchange(secure, 'hello'), 'hello');
  });

  test('[D3] streams that nobody asked for before are locked as well', async (t) => {
    const server = await served(t, overTls(identity, echo()));
    const plain = dial(t, server, starttls);
    const secure = upgrade(t, plain, trusting());
    assert.ok(plain.readable.locked && plain.writable.locked);
    await secure.opened;
    assert.ok(plain.readable.locked && plain.writable.locked);
  });

  test('[D3] close() does nothing and resolves, with a reason too', async (t) => {
    const { plain } = await readyForTls(t);
    const secure = upgrade(t, plain, trusting());
    await plain.close();
    await plain.close(new Error('a reason'));
    await secure.opened;
    await plain.close();
    await plain.close(new Error('a reason'));
    await plain.closed;
    assert.equal(await exchange(secure, 'hello'), 'hello');
  });
});

test('[C4] the end of the new socket reaches a server that still answers', limit, async (t) => {
  const { plain } = await readyForTls(t, halfOpen('the last word'));
  const secure = upgrade(t, plain, trusting());
  await secure.writable.close();
  assert.equal(await text(secure.readable), 'the last word');
  await secure.closed;
});
