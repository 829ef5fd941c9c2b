// What a plain connection waits for is waited for in Node's own event loop: the thread that moves bytes otherwise sleeps.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { established, exchange, linuxOnly, served, watchDescriptors } from './support/extra-tcp.mjs';
import { echo } from './support/servers.mjs';

watchDescriptors();

/** How often the thread that moves bytes has gone to sleep: as often as it was woken. */
function sleeps() {
  const tasks = readdirSync('/proc/self/task').map((task) => `/proc/self/task/${task}`);
  const [ours, ...others] = tasks.filter((task) => readFileSync(`${task}/comm`, 'utf8') === 'winter-io\n');
  assert.ok(ours && others.length === 0, 'there is one such thread');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync(`${ours}/status`, 'utf8'))[1]);
}

describe('a round trip over TCP', { timeout: 60_000, ...linuxOnly }, () => {
  test('wakes no other thread', async (t) => {
    const connection = await established(t, await served(t, echo()));
    await exchange(connection);
    const before = sleeps();
    for (let count = 0; count < 200; count++) await exchange(connection);
    // What was left to do for the connection when it came up may end in between.
    assert.ok(sleeps() - before < 10, `${sleeps() - before} times`);
  });

  test('wakes no other thread from a worker either, whose event loop is one of its own', async (t) => {
    const { address } = await served(t, echo());
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
      const { connect } = require('winter-sockets');
      const socket = connect(workerData);
      const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
      async function exchange(count) {
        for (; count > 0; count--) {
          await writer.write(new Uint8Array(8));
          await reader.read();
        }
        parentPort.postMessage('done');
      }
      parentPort.on('message', (count) => (count > 0 ? exchange(count) : socket.close().then(() => parentPort.close())));`,
      { eval: true, execArgv: [], workerData: address },
    );
    t.after(() => worker.terminate());
    const told = (event) => new Promise((resolve, reject) => worker.once(event, resolve).once('error', reject));
    worker.postMessage(1);
    await told('message');
    const before = sleeps();
    worker.postMessage(200);
    await told('message');
    assert.ok(sleeps() - before < 10, `${sleeps() - before} times`);
    worker.postMessage(0);
    await told('exit');
  });
});

describe('a plain connection', { timeout: 60_000, ...linuxOnly }, () => {
  const COUNT = 200;

  async function openedUsedAndClosed(t, server) {
    const connection = await established(t, server);
    await exchange(connection);
    await connection.socket.close();
  }

  test('is opened, used and closed without another thread', async (t) => {
    const server = await served(t, echo());
    await openedUsedAndClosed(t, server);
    const before = sleeps();
    for (let count = 0; count < COUNT; count++) await openedUsedAndClosed(t, server);
    // It looks at the clock now and then, for the peers that do not end their side.
    assert.ok(sleeps() - before < COUNT / 2, `${sleeps() - before} times`);
  });

  test('is one of many that are opened, used and closed at once: nothing is missed in between', async (t) => {
    const server = await served(t, echo());
    const again = async () => {
      for (let count = 0; count < COUNT / 20; count++) await openedUsedAndClosed(t, server);
    };
    await Promise.all(Array.from({ length: 32 }, again));
  });
});
