// A peer that sends as fast as it is read does not keep the event loop, and with it everybody else, from its turns.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createBinding } from 'winter-sockets';
import { createAuthority } from './support/certs.mjs';
import { watchDescriptors } from './support/extra-tcp.mjs';

watchDescriptors();

/** Reads are looked at; what is found without waiting is no more than this in a row, and what the event loop tells itself. */
const AT_A_STRETCH = 16;
const READS = 400;

const authority = await createAuthority('Authority');
const { chain, key } = await authority.issue({ names: ['localhost'] });

/** A server on a thread of its own that sends without end, over TLS if it is to. */
async function tireless(t, secure) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
    const { createServer } = workerData ? require('node:tls') : require('node:net');
    const bytes = new Uint8Array(1024 * 1024);
    const server = createServer(workerData ?? {}, (stream) => {
      const send = () => { while (stream.write(bytes)); };
      stream.on('drain', send).on('error', () => {});
      send();
    });
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true, execArgv: [], workerData: secure ? { cert: chain, key } : null },
  );
  t.after(() => worker.terminate());
  const port = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return { hostname: 'localhost', port };
}

/** As long as it takes for the next chunk to be there before it is asked for. */
function work() {
  const end = performance.now() + 1;
  while (performance.now() < end);
}

/** Has `consume(socket, took)` read from a tireless server until `took()` is false; returns how often the event loop came by. */
async function turnsWhile(t, secure, consume) {
  const { connect } = createBinding({ tls: { ca: authority.pem } });
  const socket = connect(await tireless(t, secure), { secureTransport: secure ? 'on' : 'off' });
  await socket.opened;
  let [turns, reads] = [0, 0];
  const count = () => {
    turns++;
    counting = setImmediate(count);
  };
  let counting = setImmediate(count);
  await consume(socket, () => {
    work();
    return ++reads < READS;
  });
  clearImmediate(counting);
  await socket.close();
  return turns;
}

const consumers = {
  'read()': async ({ readable }, took) => {
    const reader = readable.getReader();
    do await reader.read();
    while (took());
  },
  'a read into a buffer': async ({ readable }, took) => {
    const reader = readable.getReader({ mode: 'byob' });
    do await reader.read(new Uint8Array(64 * 1024));
    while (took());
  },
  'for await': async ({ readable }, took) => {
    for await (const _ of readable) if (!took()) break;
  },
  'pipeTo()': async ({ readable }, took) => {
    const controller = new AbortController();
    const sink = new WritableStream({ write: () => took() || controller.abort() });
    await readable.pipeTo(sink, { signal: controller.signal }).catch((error) => assert.equal(error.name, 'AbortError'));
  },
};

describe('a peer that sends as fast as it is read leaves the event loop its turns', { timeout: 60_000 }, () => {
  for (const [name, consume] of Object.entries(consumers)) {
    for (const secure of [false, true]) {
      test(`${name}, ${secure ? 'TLS' : 'plain'}`, async (t) => {
        const turns = await turnsWhile(t, secure, consume);
        assert.ok(turns >= Math.floor(READS / (AT_A_STRETCH + 1)) - 1, `${turns} turns in ${READS} reads`);
      });
    }
  }

  test('also where several connections take turns', async (t) => {
    const address = await tireless(t, false);
    const { connect } = createBinding({});
    const sockets = [connect(address), connect(address)];
    const readers = sockets.map(({ readable }) => readable.getReader());
    for (const reader of readers) await reader.read();
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    for (let reads = 0; reads < READS; reads += 2) {
      for (const reader of readers) {
        await reader.read();
        work();
      }
    }
    clearImmediate(counting);
    assert.ok(turns >= Math.floor(READS / (AT_A_STRETCH + 1)) - 1, `${turns} turns in ${READS} reads`);
    await Promise.all(sockets.map((socket) => socket.close()));
  });
});
