// Plaintext that an attacker puts in front of the server's TLS: it must never pass for something that came through TLS.
//
// What the application has read before startTls() was plaintext and stays that; any byte after it fails the upgrade.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { text as textOf } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { createAuthority } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertOnlyHandshake,
  assertSocketError,
  dial,
  exchange,
  failureOf,
  limit,
  SECRET,
  served,
  upgrade,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { until } from './support/process.mjs';
import { closer, greeter, overTls, sink, startTls } from './support/servers.mjs';

const FORGED = 'INJECTED';
const INJECTION = { code: 'ERR_SOCKET_STARTTLS_INJECTION' };
const NO_TLS = { code: 'ERR_SOCKET_TLS_PROTOCOL' };
const starttls = { secureTransport: 'starttls' };

/** 127.0.0.1 as /proc/net/tcp writes it. */
const LOOPBACK = endianness() === 'LE' ? '0100007F' : '7F000001';

/** How many random cases are tried. */
const CASES = Number(process.env.INJECTION_CASES ?? 200);

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const trusting = () => ({ ca: authority.pem });

/** Asks for TLS and reads the answer with buffers of a size, until the line of the go-ahead is read; tells all that was. */
async function readGoAhead(plain, size) {
  const writer = plain.writable.getWriter();
  writer.write('STARTTLS\n');
  writer.releaseLock();
  const reader = plain.readable.getReader({ mode: 'byob' });
  let read = '';
  while (!read.includes('\n')) read += Buffer.from((await reader.read(new Uint8Array(size))).value).toString();
  reader.releaseLock();
  return read;
}

/** Fails the upgrade with one of the codes, and says that none of ours has left. */
async function assertRefused(t, plain, log, ...expected) {
  const secure = upgrade(t, plain, trusting());
  const error = await failureOf(secure);
  const match = expected.find(({ code }) => code === error.code) ?? expected[0];
  assertSocketError(error, { address: '127.0.0.1', ...match });
  await plain.closed;
  await assertNothingArrived(log);
  if (match === INJECTION) assert.equal(log.wire?.bytes ?? 0, 0, 'a ClientHello was sent');
  else assertOnlyHandshake(log.wire.head);
}

describe('text glued to the go-ahead', limit, () => {
  const glued = (t) => served(t, startTls({ inject: { text: FORGED } }, overTls(identity, greeter('SECURE'))));

  test('[D3] [D4] that was read with it stays plaintext, and the upgrade goes on', async (t) => {
    const server = await glued(t);
    const plain = dial(t, server, starttls);
    assert.equal(await readGoAhead(plain, 64), `OK\n${FORGED}`);
    const secure = upgrade(t, plain, trusting());
    assert.equal(await exchange(secure, 'hello', 'SECURE'), 'SECURE');
    await secure.close();
    const log = await server.connection(0);
    await log.closed;
    assert.equal(log.text, 'hello');
  });

  for (let size = 1; size <= `OK\n${FORGED}`.length; size++) {
    test(`[D4] and read in pieces of ${size} is refused if a byte is left, and goes on if not`, async (t) => {
      const server = await glued(t);
      const plain = dial(t, server, starttls);
      const whole = `OK\n${FORGED}`;
      const read = await readGoAhead(plain, size);
      assert.ok(whole.startsWith(read));
      if (read === whole) assert.equal(await exchange(upgrade(t, plain, trusting()), '', 'SECURE'), 'SECURE');
      else await assertRefused(t, plain, await server.connection(0), INJECTION);
    });
  }
});

describe('text cut off from the go-ahead', limit, () => {
  const whole = `OK\n${FORGED}`;

  for (let splitAt = 1; splitAt < whole.length; splitAt++) {
    for (const size of [1, 3, 64]) {
      test(`[D4] after ${splitAt} bytes, read in pieces of ${size}, is never taken for TLS`, async (t) => {
        const inject = { text: FORGED, splitAt };
        const server = await served(t, startTls({ inject }, overTls(identity, greeter('SECURE'))));
        const plain = dial(t, server, starttls);
        const read = await readGoAhead(plain, size);
        assert.ok(whole.startsWith(read));
        // The second piece comes whenever it comes: before the upgrade, or while it is under way.
        if (read === whole) assert.equal(await exchange(upgrade(t, plain, trusting()), '', 'SECURE'), 'SECURE');
        else await assertRefused(t, plain, await server.connection(0), INJECTION, NO_TLS);
      });
    }
  }

  for (let splitAt = 3; splitAt < whole.length; splitAt++) {
    test(`[D4] after ${splitAt} bytes, and sent once the client's handshake has begun, fails as TLS`, async (t) => {
      const inject = { text: FORGED, splitAt, rest: 'after-hello' };
      const server = await served(t, startTls({ inject }, overTls(identity, greeter('SECURE'))));
      const plain = dial(t, server, starttls);
      assert.equal(await readGoAhead(plain, 64), whole.slice(0, splitAt));
      await assertRefused(t, plain, await server.connection(0), NO_TLS);
    });
  }
});

describe('bytes that wait unread', { ...limit, skip: process.platform !== 'linux' }, () => {
  test('[D4] in the kernel, of a server that speaks first, are refused', async (t) => {
    for (const reads of [false, true]) {
      const server = await served(t, greeter(FORGED, sink()));
      const plain = dial(t, server, starttls);
      await plain.opened;
      const log = await server.connection(0);
      await until(() => unread(log) === FORGED.length);
      // A stream that exists, and from which nobody has read.
      if (reads) plain.readable.getReader().releaseLock();
      await assertRefused(t, plain, log, INJECTION);
    }
  });

  test('[D4] that look like TLS are refused as well', async (t) => {
    const server = await served(t, greeter(Buffer.from([21, 3, 3, 0, 2, 1, 0]), sink()));
    const plain = dial(t, server, starttls);
    await plain.opened;
    const log = await server.connection(0);
    await until(() => unread(log) === 7);
    await assertRefused(t, plain, log, INJECTION);
  });

  test('[D4] of which some were read are refused', async (t) => {
    const server = await served(t, greeter(FORGED, sink()));
    const plain = dial(t, server, starttls);
    const reader = plain.readable.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(5));
    assert.equal(Buffer.from(value).toString(), 'INJEC');
    reader.releaseLock();
    await assertRefused(t, plain, await server.connection(0), INJECTION);
  });

  for (const relock of [false, true]) {
    test(`[D4] since the read they came for was given up are refused${relock ? ', under another lock too' : ''}`, async (t) => {
      const server = await served(t, sink());
      const plain = dial(t, server, starttls);
      const reader = plain.readable.getReader();
      await plain.opened;
      const given = assert.rejects(reader.read(), TypeError);
      reader.releaseLock();
      await given;
      const second = relock ? plain.readable.getReader() : null;
      const log = await server.connection(0);
      await new Promise((resolve) => log.socket.write(FORGED, resolve));
      // What is still armed takes them out of the kernel for a reader, also one that has not asked, and for nobody else.
      const left = relock ? 0 : FORGED.length;
      await until(() => queues(log.socket.localPort, log.peer.port).sent === 0 && unread(log) === left);
      second?.releaseLock();
      await assertRefused(t, plain, log, INJECTION);
    });
  }

  test('[D4] the end of the connection is no such byte: the peer has gone', async (t) => {
    const server = await served(t, closer());
    const plain = dial(t, server, starttls);
    await plain.opened;
    const error = await failureOf(upgrade(t, plain, trusting()));
    assertSocketError(error, { code: 'ECONNRESET' });
    const log = await server.connection(0);
    await log.closed;
    assertOnlyHandshake(log.received.head);
  });
});

test(`[D4] ${CASES} random cuts, texts and ways to read: nothing forged passes for TLS`, {
  timeout: 600_000,
}, async (t) => {
  let inject;
  const server = await served(t, (stream, log) => {
    // Where it waits for a ClientHello that does not come.
    stream.on('end', () => stream.end());
    startTls({ inject }, overTls(identity, closer('SECURE')))(stream, log);
  });
  const scenario = fc.record({
    text: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 200 }),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    rest: fc.constantFrom('now', 'after-hello'),
    size: fc.integer({ min: 1, max: 256 }),
    early: fc.boolean(),
  });
  const seed = Number(process.env.INJECTION_SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`INJECTION_SEED=${seed}`);
  const seen = {};

  const property = fc.asyncProperty(scenario, async ({ text, cut, rest, size, early }) => {
    const whole = `OK\n${text}`;
    inject = {
      text,
      rest,
      splitAt: rest === 'now' ? 1 + Math.floor(cut * text.length) : 3 + Math.floor(cut * text.length),
    };
    const index = server.connections.length;
    const plain = dial(t, server, starttls);
    const read = await readGoAhead(plain, size);
    assert.ok(whole.startsWith(read), 'the application reads what was sent');
    const secure = upgrade(t, plain, trusting());
    const writer = secure.writable.getWriter();
    const write = early ? writer.write(SECRET) : Promise.resolve();
    const [received, written] = await Promise.allSettled([textOf(secure.readable), write]);
    const log = await server.connection(index);
    const outcome = received.reason?.code ?? 'upgraded';
    seen[outcome] = (seen[outcome] ?? 0) + 1;
    if (received.status === 'fulfilled') {
      assert.equal(read, whole, 'an upgrade goes on only if every byte before it was read');
      assert.equal(received.value, 'SECURE');
      await secure.closed;
      return;
    }
    assertSocketError(received.reason, outcome === INJECTION.code ? INJECTION : NO_TLS);
    if (early) assert.equal(written.reason, received.reason);
    await assertNothingArrived(log);
  });
  await fc.assert(property, { numRuns: CASES, seed });
  t.diagnostic(JSON.stringify(seen));
});

/** Bytes that the kernel holds for the client, not taken by it yet. */
function unread({ peer, socket }) {
  return queues(peer.port, socket.localPort).received;
}

/** What the kernel holds for one end of a connection on loopback: `{ sent, received }`, sent being what is not confirmed. */
function queues(localPort, remotePort) {
  const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
  const ends = `${LOOPBACK}:${hex(localPort)} ${LOOPBACK}:${hex(remotePort)} `;
  const [, rest] = readFileSync('/proc/net/tcp', 'latin1').split(ends);
  const [sent, received] = rest
    .split(' ')[1]
    .split(':')
    .map((count) => Number.parseInt(count, 16));
  return { sent, received };
}
