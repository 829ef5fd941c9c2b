// What a process sees of node-style sockets beside those of Node: errors that nobody handles, and when it may end.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MiB, served } from './support/extra-tcp.mjs';
import { inline, runNode } from './support/process.mjs';
import { echo, refusedPort, silent, sink } from './support/servers.mjs';

const kinds = {
  'net.Socket': `import { connect } from 'node:net';
    const open = (port) => connect(port, '127.0.0.1');`,
  'a node-style socket': `import { connect } from 'winter-sockets';
    import { toNodeSocket } from 'winter-sockets/node';
    const open = (port) => toNodeSocket(connect('127.0.0.1:' + port));`,
};

for (const [name, opening] of Object.entries(kinds)) {
  const run = (port, code) => runNode(inline(`${opening}\nconst socket = open(${port});\n${code}`));

  describe(name, () => {
    test('ends the process by an error that nobody listens for', async () => {
      const { code, stderr } = await run(await refusedPort(), '');
      assert.equal(code, 1);
      assert.match(stderr, /Unhandled 'error' event/);
      assert.match(stderr, /ECONNREFUSED/);
    });

    test('lets what a listener throws leave as an uncaught exception', async (t) => {
      const { port } = await served(t, echo());
      for (const event of ['connect', 'data', 'drain', 'end', 'close']) {
        const { code, stdout, stderr } = await run(
          port,
          `process.on('unhandledRejection', () => console.log('rejection'));
          process.on('uncaughtException', (error) => { console.log(error.message); process.exit(3); });
          socket.on('${event}', () => { throw new Error('thrown') });
          socket.on('error', () => {});
          socket.resume().write(Buffer.alloc(1024 * 1024), () => socket.end());`,
        );
        assert.deepEqual({ event, code, stdout }, { event, code: 3, stdout: 'thrown\n' }, stderr);
      }
    });

    test('keeps the process alive, unless it was told not to', async (t) => {
      const { port } = await served(t, silent());
      const { code, stdout, stderr } = await run(
        port,
        `socket.on('connect', () => {
          socket.unref();
          socket.setTimeout(60_000);
          process.on('exit', () => console.log('left alone, destroyed: ' + socket.destroyed));
        });`,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'left alone, destroyed: false\n');

      const kept = await run(
        port,
        `socket.unref().ref();
        socket.on('timeout', () => { console.log('still here'); socket.destroy(); });
        socket.setTimeout(50);`,
      );
      assert.equal(kept.code, 0, kept.stderr);
      assert.equal(kept.stdout, 'still here\n');
    });

    test('keeps it alive for what is being written, even if told not to', async (t) => {
      const server = await served(t, sink());
      const written = await run(
        server.port,
        `socket.write(Buffer.alloc(${32 * MiB}), (error) => console.log('written', error ?? 'well'));
        socket.on('connect', () => socket.unref());`,
      );
      assert.deepEqual([written.code, written.stdout, written.stderr], [0, 'written well\n', '']);

      const ended = await run(
        server.port,
        `socket.on('connect', () => socket.end(Buffer.alloc(${32 * MiB})).unref());
        socket.on('finish', () => console.log('finished'));`,
      );
      assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'finished\n', '']);
      const log = await server.connection(1);
      await log.closed;
      assert.equal(log.bytes, 32 * MiB);
    });

    test('lets it end when it is closed', async (t) => {
      const { port } = await served(t, echo());
      const { code, stdout, stderr } = await run(
        port,
        `socket.setKeepAlive(true);
        socket.setEncoding('utf8').on('data', (text) => console.log(text));
        socket.end('done');`,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'done\n');
    });
  });
}
