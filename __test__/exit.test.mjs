// When the process may exit, and that it does so cleanly.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { linuxOnly, served, watchDescriptors } from './support/extra-tcp.mjs';
import { inline, runNode } from './support/process.mjs';
import { blackhole, closer, echo, refusedPort, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();

/** Runs code that has `connect` and `report`; it must exit by itself, with code 0 and nothing on stderr. */
async function runs(code) {
  const { stderr, ...rest } = await runNode(
    inline(`
      import { connect } from 'winter-sockets';
      const report = (...what) => console.log(...what);
      process.on('unhandledRejection', (error) => report('unhandled', error));
      process.on('uncaughtException', (error) => report('uncaught', error));
      ${code}
    `),
  );
  assert.equal(stderr, '');
  return rest;
}

async function exits(code) {
  const { code: exit, signal, stdout, timedOut } = await runs(code);
  assert.deepEqual({ exit, signal, timedOut }, { exit: 0, signal: null, timedOut: false });
  return stdout.trim();
}

describe('the process exits by itself', { timeout: 120_000 }, () => {
  test('[C6] soon after a socket is closed', async (t) => {
    const { address } = await served(t, echo());
    // Time that the event loop spent in waiting, which a busy machine does not add to.
    const idle = await exits(`
      const socket = connect('${address}');
      await socket.writable.getWriter().write('hello');
      await socket.readable.getReader().read();
      await socket.close();
      const start = performance.eventLoopUtilization();
      process.on('exit', () => report(performance.eventLoopUtilization(start).idle));
    `);
    assert.ok(Number(idle) < 500, `waited for ${idle} ms`);
  });

  test('[C6] after the peer has ended and all is read', async (t) => {
    const { address } = await served(t, closer('bye'));
    assert.equal(await exits(`for await (const chunk of connect('${address}').readable) report(chunk.length);`), '3');
  });

  test('[C6] after close() although the peer stays silent, or keeps sending', async (t) => {
    for (const handler of [silent(), sender(1024 ** 3)]) {
      const { address } = await served(t, handler);
      await exits(`
        const socket = connect('${address}');
        await socket.opened;
        await socket.close();
      `);
    }
  });

  test('[C6] after close(reason) and after an abort of the signal', async (t) => {
    const { address } = await served(t, silent());
    await exits(`
      const socket = connect('${address}');
      const controller = new AbortController();
      const other = connect('${address}', { signal: controller.signal });
      await Promise.all([socket.opened, other.opened]);
      socket.readable.getReader().read().catch(() => {});
      socket.close(new Error('given up'));
      controller.abort();
    `);
  });

  test('[C6] after connections that failed', async () => {
    const address = `127.0.0.1:${await refusedPort()}`;
    await exits(`
      connect('${address}');
      connect('127.0.0.1:0');
      connect('no.such.name.invalid:80', { lookup: (name, options, done) => done(new Error('no')) });
    `);
  });

  test('[G1] with nothing of ours among the active resources', async (t) => {
    const { address } = await served(t, echo());
    const resources = await exits(`
      const count = () => process.getActiveResourcesInfo().filter((name) => !/Timeout|Immediate|Pipe|TTY/.test(name)).length;
      await import('node:timers/promises').then(({ setImmediate }) => setImmediate());
      const before = count();
      for (let round = 0; round < 10; round++) {
        await Promise.all(Array.from({ length: 50 }, async () => {
          const socket = connect('${address}');
          await socket.opened;
          await socket.close();
        }));
      }
      report(count() - before);
    `);
    assert.equal(resources, '0');
  });

  test('[C6] with open sockets that are unref()ed', async (t) => {
    const { address } = await served(t, silent());
    await exits(`
      const socket = connect('${address}');
      await socket.opened;
      socket.readable.getReader().read();
      socket.unref();
      connect('${address}').unref();
    `);
  });

  test('[C6] with attempts to connect that are unref()ed', linuxOnly, async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    await exits(`connect('${hole.address}').unref().writable.getWriter().write('x').catch(() => {});`);
  });
});

describe('the process stays alive', { timeout: 120_000 }, () => {
  // The timer alone would not keep it alive, so what it reports is proof.
  const later = (code) => `setTimeout(() => { report('alive'); ${code} }, 300).unref();`;

  test('[C6] with an open socket that is idle', async (t) => {
    const { address } = await served(t, sink());
    assert.equal(await exits(`const socket = connect('${address}'); ${later('socket.close();')}`), 'alive');
  });

  test('[C6] with a socket that is ref()ed again, and however often each was called', async (t) => {
    const { address } = await served(t, sink());
    const code = `
      const socket = connect('${address}').unref().unref().ref().ref();
      connect('${address}').unref();
      ${later('socket.unref();')}
    `;
    assert.equal(await exits(code), 'alive');
  });

  test('[C6] with a socket to which nothing refers', async (t) => {
    const { address } = await served(t, sink());
    const code = `
      connect('${address}').opened.then(() => report('opened'));
      ${later('process.exit();')}
    `;
    assert.equal(await exits(code), 'opened\nalive');
  });

  test('[C6] with an attempt to connect, and with a lookup that has not answered', linuxOnly, async (t) => {
    const hole = await blackhole();
    t.after(() => hole.close());
    for (const options of ['{}', '{ lookup: () => {} }']) {
      const address = options === '{}' ? hole.address : `db.test:${hole.port}`;
      assert.equal(
        await exits(`const socket = connect('${address}', ${options}); ${later('socket.close();')}`),
        'alive',
      );
    }
  });

  test('[C5] until close() has sent what is queued', async (t) => {
    const server = await served(t, sink());
    await exits(`
      const socket = connect('${server.address}');
      socket.writable.getWriter().write(new Uint8Array(8 * 1024 * 1024));
      socket.close();
    `);
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.bytes, 8 * 1024 * 1024);
  });
});

describe('process.exit()', { timeout: 120_000 }, () => {
  test('[G3] gives the code that was asked for, with a hundred transfers in flight', async (t) => {
    const { address } = await served(t, echo());
    const code = `
      const chunk = new Uint8Array(300_000);
      const sockets = Array.from({ length: 100 }, () => connect('${address}'));
      for (const { readable, writable } of sockets) {
        const writer = writable.getWriter();
        const write = async () => {
          for (;;) await writer.write(chunk);
        };
        write().catch(() => {});
        (async () => {
          for await (const received of readable);
        })().catch(() => {});
      }
      await Promise.race(sockets.map(({ opened }) => opened));
      for (let turns = MOMENT; turns > 0; turns--) await new Promise(setImmediate);
      process.exit(7);
    `;
    for (const moment of [0, 1, 3, 10, 30, 100, 200, 300]) {
      const { code: exit, signal, stdout } = await runs(code.replace('MOMENT', String(moment)));
      assert.deepEqual({ exit, signal, stdout }, { exit: 7, signal: null, stdout: '' });
    }
  });

  test('[G3] within the tick of connect(), or in the callback of an event, is clean', async (t) => {
    const { address } = await served(t, sink());
    for (const code of [
      `connect('${address}'); process.exit(3);`,
      `connect('${address}').opened.then(() => process.exit(3)); await new Promise(() => {});`,
      `const s = connect('${address}'); s.close().then(() => process.exit(3)); await new Promise(() => {});`,
    ]) {
      const { code: exit, signal } = await runs(code);
      assert.deepEqual({ exit, signal }, { exit: 3, signal: null });
    }
  });
});
