// Garbage collection: dropping references never closes a socket, and a closed one is not kept.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { linuxOnly, MiB, served, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { inline, runNode } from './support/process.mjs';
import { echo, pattern, resetter, silent, sink } from './support/servers.mjs';

watchDescriptors();

/** Runs code in a process that can collect at will; it must exit cleanly. */
async function collecting(code) {
  const prelude = `
    import { setImmediate as turn } from 'node:timers/promises';
    import { connect } from 'winter-sockets';
    import { openDescriptors, until } from './__test__/support/process.mjs';
    import { pattern } from './__test__/support/servers.mjs';
    const collect = async (times) => {
      for (; times > 0; times--) {
        gc();
        await turn();
      }
    };
  `;
  const { code: exit, signal, stdout, stderr } = await runNode(['--expose-gc', ...inline(prelude + code)]);
  assert.deepEqual({ exit, signal, stderr }, { exit: 0, signal: null, stderr: '' });
  return stdout.trim();
}

describe('collection', { timeout: 120_000, ...linuxOnly }, () => {
  test('[C5] while a close still has to send loses no byte', async (t) => {
    const server = await served(t, sink());
    const rounds = 50;
    await collecting(`
      const chunk = pattern(${MiB});
      const before = openDescriptors();
      let settled = 0;
      for (let round = 0; round < ${rounds}; round++) {
        (() => {
          const socket = connect('${server.address}');
          socket.writable.getWriter().write(chunk);
          socket.close().then(() => settled++);
        })();
        await collect(10);
      }
      await until(() => settled === ${rounds});
      await until(() => openDescriptors() <= before);
    `);
    const expected = sha256(pattern(MiB));
    assert.equal(server.connections.length, rounds);
    for (const log of server.connections) {
      assert.equal(await log.ended, 'FIN');
      assert.equal(log.sha256, expected);
    }
  });

  test('[C5] while a close waits for a peer that resets, or does not read, settles it', async (t) => {
    const [resetting, deaf] = [await served(t, resetter({ on: 'data' })), await served(t, silent())];
    await collecting(`
      const chunk = pattern(${8 * MiB});
      const before = openDescriptors();
      let settled = 0;
      const settle = () => settled++;
      for (let round = 0; round < 50; round++) {
        (() => {
          for (const address of ['${resetting.address}', ...(round % 10 === 0 ? ['${deaf.address}'] : [])]) {
            const socket = connect(address);
            socket.writable.getWriter().write(chunk).catch(() => {});
            socket.close().then(settle, settle);
          }
        })();
        await collect(5);
      }
      await until(() => settled === 55);
      await until(() => openDescriptors() <= before);
    `);
  });

  test('[C6] does not close a socket to which nothing refers, nor lose what its promises wait for', async (t) => {
    const server = await served(t, echo());
    const output = await collecting(`
      const seen = [];
      (() => {
        const { readable, writable, closed } = connect('${server.address}');
        const reader = readable.getReader();
        reader.read().then(({ value }) => {
          seen.push(Buffer.from(value).toString());
          return reader.read();
        }).then(({ done }) => seen.push(done));
        closed.then(() => seen.push('closed'));
        globalThis.later = () => writable.getWriter();
      })();
      await collect(20);
      // From here on the writer is all that is left, and then nothing.
      let writer = later();
      delete globalThis.later;
      await writer.write('hello');
      const end = () => writer.close();
      await until(() => seen.length === 1);
      await collect(20);
      end();
      writer = null;
      await collect(5);
      await until(() => seen.length === 3);
      console.log(seen.sort().join());
    `);
    assert.equal(output, 'closed,hello,true');
  });

  test('[C6] leaves an idle socket open that was dropped altogether', async (t) => {
    let endings;
    const server = await served(t, (stream, log) => {
      log.observe(stream);
      stream.on('data', () => {
        endings = server.connections.map(({ ending }) => ending);
        stream.end();
      });
    });
    await collecting(`
      await (() => connect('${server.address}').opened)();
      await collect(20);
      const { readable, writable } = connect('${server.address}');
      await writable.getWriter().write('look now');
      for await (const chunk of readable);
      process.exit();
    `);
    assert.deepEqual(endings, [null, null]);
  });

  test('[G2] takes sockets that are over, however they ended', async (t) => {
    const server = await served(t, echo());
    const output = await collecting(`
      const ways = {
        'closed': (socket) => socket.close(),
        'aborted': (socket) => socket.close(new Error('mine')),
        'read and written to the end': async ({ readable, writable, closed }) => {
          await writable.close();
          await readable.getReader().read();
          await closed;
        },
        'cancelled and aborted': ({ readable, writable }) => Promise.all([readable.cancel(), writable.abort()]),
        'closed after an exchange': async (socket) => {
          await socket.writable.getWriter().write('x');
          await socket.readable.getReader().read();
          await socket.close();
        },
        'given a signal': (socket) => socket.close(),
      };
      const controller = new AbortController();
      const refs = new Map();
      for (const [name, end] of Object.entries(ways)) {
        await (async () => {
          const socket = connect('${server.address}', name === 'given a signal' ? { signal: controller.signal } : {});
          refs.set(name, ['socket', 'readable', 'writable'].map((part) => new WeakRef(socket[part] ?? socket)));
          await socket.opened;
          await end(socket);
        })();
      }
      for (const [name, parts] of refs) {
        await until(async () => {
          await collect(1);
          return parts.every((part) => part.deref() === undefined);
        }, { what: 'collected: ' + name });
      }
      console.log('all');
    `);
    assert.equal(output, 'all');
  });
});
