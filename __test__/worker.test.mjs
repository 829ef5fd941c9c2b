// Worker threads, and what is left of them when they are terminated.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { linuxOnly, served, watchDescriptors } from './support/extra-tcp.mjs';
import { inline, runNode } from './support/process.mjs';
import { blackhole, echo, refusedPort, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();

/** What a worker does: opens sockets in every state and says so each time it has got further. */
const inEveryState = `
  const { workerData: to, parentPort } = require('node:worker_threads');
  const { connect } = require('winter-sockets');
  const said = () => parentPort.postMessage('further');
  const ignore = () => {};

  connect(to.blackhole);
  connect(to.blackhole).writable.getWriter().write('queued').catch(ignore);
  const closingEarly = connect(to.blackhole);
  closingEarly.writable.getWriter().write('queued').catch(ignore);
  closingEarly.close();
  connect('db.test:80', { lookup: ignore });
  connect('localhost:' + to.echo.split(':').at(-1)).opened.then(said);
  connect(to.refused).opened.catch(said);
  said();

  const idle = connect(to.sink);
  idle.opened.then(said);
  const reading = connect(to.sink);
  reading.readable.getReader().read().then(ignore, ignore);
  const byob = connect(to.sink);
  byob.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8)).then(ignore, ignore);

  const blocked = connect(to.silent).writable.getWriter();
  const closing = connect(to.silent);
  for (const writer of [blocked, closing.writable.getWriter()]) {
    for (let i = 0; i < 200; i++) writer.write(new Uint8Array(65536)).catch(ignore);
  }
  closing.opened.then(() => {
    closing.close().catch(ignore);
    said();
  });

  const drain = async (readable) => {
    for await (const chunk of readable);
  };
  drain(connect(to.sender).readable).catch(ignore);
  const echoing = connect(to.echo);
  drain(echoing.readable).catch(ignore);
  (async () => {
    const writer = echoing.writable.getWriter();
    for (let i = 0; ; i++) {
      await writer.write(new Uint8Array(100_000));
      if (i % 16 === 0) await new Promise(setImmediate);
      if (i % 64 === 0) said();
    }
  })().catch(ignore);

  (async () => {
    for (;;) {
      const socket = connect(to.echo);
      await socket.writable.getWriter().write('x');
      await socket.readable.getReader().read();
      await socket.close();
      said();
    }
  })().catch(ignore);
`;

/** Runs workers with that code and ends each at its own moment; the main thread loads the addon or does not. */
const terminating = `
  import { text } from 'node:stream/consumers';
  import { setImmediate as turn } from 'node:timers/promises';
  import { Worker } from 'node:worker_threads';
  import { openDescriptors, until } from './__test__/support/process.mjs';
  const { code, to, seed, count, inMain } = JSON.parse(await text(process.stdin));
  const connect = inMain ? (await import('winter-sockets')).connect : null;
  // A fixed sequence of moments for each seed, so that a failure can be repeated.
  let state = seed;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  const socket = connect?.(to.echo);
  await socket?.opened;
  const before = openDescriptors();

  async function terminated(stage, turns) {
    const worker = new Worker(code, { eval: true, execArgv: [], workerData: to });
    const errors = [];
    worker.on('error', (error) => errors.push(error));
    let messages = 0;
    worker.on('message', () => messages++);
    await until(() => messages >= stage || errors.length > 0);
    for (; turns > 0; turns--) await turn();
    await worker.terminate();
    if (errors.length > 0) throw errors[0];
  }

  for (let left = count; left > 0; left -= 4) {
    await Promise.all([1, 2, 3, 4].map(() => terminated(random(12), random(200))));
  }
  await until(() => openDescriptors() <= before, { what: 'the descriptors of ' + count + ' workers are back' });
  if (socket) {
    await socket.writable.getWriter().write('still works');
    console.log(Buffer.from((await socket.readable.getReader().read()).value).toString());
    await socket.close();
  }
  console.log('done');
`;

async function targets(t) {
  const hole = await blackhole();
  t.after(() => hole.close());
  const handlers = { sink: sink(), echo: echo(), silent: silent(), sender: sender(1024 ** 3) };
  const entries = Object.entries(handlers).map(async ([name, handler]) => [name, (await served(t, handler)).address]);
  return {
    ...Object.fromEntries(await Promise.all(entries)),
    blackhole: hole.address,
    refused: `127.0.0.1:${await refusedPort()}`,
  };
}

describe('terminated workers', { timeout: 240_000, ...linuxOnly }, () => {
  for (const inMain of [true, false]) {
    const where = inMain ? 'the main thread too' : 'workers alone';
    test(`[G3] with sockets in every state leave no crash and no descriptor, the addon loaded in ${where}`, async (t) => {
      const to = await targets(t);
      const seed = Math.floor(Math.random() * 2 ** 32);
      t.diagnostic(`seed ${seed}`);
      const input = JSON.stringify({ code: inEveryState, to, seed, count: 32, inMain });
      const { code: exit, signal, stdout, stderr } = await runNode(inline(terminating), { input, timeout: 110_000 });
      const expected = inMain ? 'still works\ndone\n' : 'done\n';
      assert.deepEqual({ exit, signal, stdout, stderr }, { exit: 0, signal: null, stdout: expected, stderr: '' });
    });
  }
});

describe('a worker', { timeout: 120_000 }, () => {
  /** Runs main code that has `run(code)`: a worker of that code, which resolves to its exit code. */
  async function main(code, address) {
    const prelude = `
      import { Worker } from 'node:worker_threads';
      const run = (code) => new Promise((resolve, reject) => {
        const load = "const { connect } = require('winter-sockets'); const address = '${address}';";
        new Worker(load + code, { eval: true, execArgv: [] }).on('exit', resolve).on('error', reject);
      });
    `;
    const { code: exit, signal, stdout, stderr } = await runNode(inline(prelude + code));
    assert.deepEqual({ exit, signal, stderr }, { exit: 0, signal: null, stderr: '' });
    return stdout.trim();
  }

  const exchange = `
    (async () => {
      const socket = connect(address);
      await socket.writable.getWriter().write('hello');
      await socket.readable.getReader().read();
      await socket.close();
    })();
  `;

  test('[C6] exits by itself once its sockets are closed', async (t) => {
    const { address } = await served(t, echo());
    assert.equal(await main(`console.log(await run(\`${exchange}\`));`, address), '0');
  });

  test('[C6] is kept alive by an open socket, and not by one that is unref()ed', async (t) => {
    const { address } = await served(t, sink());
    const code = `
      console.log(await run("connect(address).unref();"));
      console.log(await run("const s = connect(address); setTimeout(() => { console.log('alive'); s.close(); }, 200).unref();"));
    `;
    assert.equal(await main(code, address), '0\nalive\n0');
  });

  test('[G3] may end itself with sockets open', async (t) => {
    const { address } = await served(t, sink());
    const code = `
      console.log(await run("connect(address).opened.then(() => process.exit(5));"));
      console.log(await run("connect(address); process.exit(6);"));
      console.log(await run("connect(address).opened.then(() => { throw new Error('mine'); });").catch(({ message }) => message));
    `;
    assert.equal(await main(code, address), '5\n6\nmine');
  });

  test('[G7] has sockets of its own beside those of other workers and of the main thread', async (t) => {
    const { address } = await served(t, echo());
    const code = `
      const { connect } = await import('winter-sockets');
      const socket = connect('${address}');
      console.log(await Promise.all(Array.from({ length: 8 }, () => run(\`${exchange.repeat(5)}\`))));
      await socket.writable.getWriter().write('main');
      console.log((await socket.readable.getReader().read()).value.length);
      await socket.close();
    `;
    assert.match(await main(code, address), /^\[\s*0, 0, 0, 0,\s*0, 0, 0, 0\s*\]\n4$/);
  });
});
