// What a node-style socket carries, both ways, it carries as a socket of Node does: every test here holds for both, plain and
// over TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import { MiB, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { connectedAs, dialAs, kinds, prepareCertificates, record, servedTo } from './support/node-sockets.mjs';
import { until } from './support/process.mjs';
import { echo, pattern, resetter, sender, silent, sink } from './support/servers.mjs';

watchDescriptors();
prepareCertificates();

for (const [name, kind] of Object.entries(kinds)) {
  describe(name, { timeout: 120_000 }, () => {
    describe('writing', () => {
      test('before the connection is up arrives in order', async (t) => {
        const server = await servedTo(t, kind, echo());
        const socket = dialAs(t, kind, server);
        const told = [];
        socket.write('one ', () => told.push(1));
        socket.write(Buffer.from('two '), () => told.push(2));
        socket.write('3420', 'hex', () => told.push(3));
        socket.write(new Uint8Array([0x35]));
        socket.end(() => told.push('end'));
        const received = await socket.setEncoding('utf8').toArray();
        assert.equal(received.join(''), 'one two 4 5');
        assert.deepEqual(told, [1, 2, 3, 'end']);
      });

      test('of many megabytes in chunks of every size arrives as it was', async (t) => {
        const server = await servedTo(t, kind, sink());
        const socket = dialAs(t, kind, server).resume();
        const whole = pattern(8 * MiB);
        let at = 0;
        for (let size = 1; at < whole.length; size = (size * 7) % 400_009) {
          socket.write(whole.subarray(at, at + size));
          at += size;
        }
        socket.end();
        await once(socket, 'close');
        const log = await server.connection(0);
        await log.ended;
        assert.equal(log.bytes, whole.length);
        assert.equal(log.sha256, sha256(whole));
      });

      test('of corked pieces and of nothing', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        socket.cork();
        for (const text of ['a', '', 'b', 'c', '']) socket.write(text);
        socket.uncork();
        socket.end();
        assert.equal((await socket.toArray()).join(''), 'abc');
      });

      test('says false when too much is waiting, and drain when the peer has taken it', async (t) => {
        let startReading;
        const { socket, log } = await connectedAs(t, kind, (stream, log) => {
          startReading = () => log.observe(stream);
        });
        const events = record(socket, ['drain']);
        assert.equal(socket.writableNeedDrain, false);
        assert.equal(socket.write(pattern(16 * MiB)), false);
        assert.equal(socket.writableNeedDrain, true);
        assert.equal(socket.writableLength, 16 * MiB);
        assert.deepEqual(events, []);
        (await until(() => startReading))();
        await once(socket, 'drain');
        assert.equal(socket.writableLength, 0);
        await until(() => log.bytes === 16 * MiB);
        assert.equal(log.sha256, sha256(pattern(16 * MiB)));
      });

      test('takes no more memory than it was given while the peer reads nothing', async (t) => {
        const { socket } = await connectedAs(t, kind, silent());
        let settled = 0;
        for (let i = 0; i < 64; i++) socket.write(pattern(MiB), () => settled++);
        await until(() => settled > 0);
        assert.ok(settled < 64, `${settled} MiB were taken for sent`);
        socket.destroy();
      });

      test('is counted', async (t) => {
        const server = await servedTo(t, kind, echo());
        const socket = dialAs(t, kind, server);
        socket.resume();
        socket.write('12345');
        socket.write('ünï');
        await once(socket, kind.isTls ? 'secureConnect' : 'connect');
        socket.end('89');
        await once(socket, 'close');
        // What TLS adds is counted by Node and not by us.
        const count = kind.isTls ? (n) => n >= 12 : (n) => n === 12;
        assert.ok(count(socket.bytesWritten), `${socket.bytesWritten}`);
        assert.ok(count(socket.bytesRead), `${socket.bytesRead}`);
      });

      test('behind the end is an error', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        socket.end('x');
        const told = new Promise((resolve) => socket.write('late', resolve));
        const [error] = await once(socket, 'error');
        assert.equal(error.code, 'ERR_STREAM_WRITE_AFTER_END');
        assert.equal((await told).code, 'ERR_STREAM_WRITE_AFTER_END');
      });

      test('to a destroyed socket is told to who writes', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        socket.destroy();
        const error = await new Promise((resolve) => socket.write('late', resolve));
        assert.equal(error.code, 'ERR_STREAM_DESTROYED');
      });
    });

    describe('reading', () => {
      test('gets every byte', async (t) => {
        const { socket } = await connectedAs(t, kind, sender(16 * MiB));
        const received = Buffer.concat(await socket.toArray());
        assert.equal(sha256(received), sha256(pattern(16 * MiB)));
      });

      test('stops the peer while it is paused', async (t) => {
        let waiting = null;
        const { socket } = await connectedAs(t, kind, (stream) => {
          const send = () => {
            while (stream.write(pattern(MiB)));
            waiting = once(stream, 'drain');
            waiting.catch(() => {});
          };
          send();
          stream.on('error', () => {});
        });
        socket.pause();
        await until(() => waiting !== null);
        // A drain at the server would mean that somebody took the bytes.
        const before = socket.bytesRead;
        const length = () => socket.readableLength;
        await until(() => length() > 0 || kind.isTls);
        assert.ok(length() <= 2 * MiB, `${length()}`);
        assert.ok(socket.bytesRead - before <= 2 * MiB);
        socket.resume();
        await waiting;
        socket.destroy();
      });

      test('can be done by an async iterator, a pipeline and read()', async (t) => {
        const { socket } = await connectedAs(t, kind, sender(MiB));
        let bytes = 0;
        for await (const chunk of socket) bytes += chunk.length;
        assert.equal(bytes, MiB);

        const there = await connectedAs(t, kind, echo());
        const text = await pipeline(
          async function* () {
            yield 'through ';
            yield 'a pipeline';
          },
          there.socket,
          async (source) => (await source.toArray()).join(''),
        );
        assert.equal(text, 'through a pipeline');
      });

      test('notices a reset although nobody reads', async (t) => {
        const { socket } = await connectedAs(t, kind, resetter({ on: 'data' }));
        socket.write('go');
        const [error] = await once(socket, 'error');
        assert.equal(error.code, 'ECONNRESET');
        assert.equal(socket.destroyed, true);
      });
    });
  });
}
