// A node-style socket has the manners of a socket of Node: every test here holds for both, plain and over TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { MiB, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { connectedAs, dialAs, kinds, prepareCertificates, record, servedTo } from './support/node-sockets.mjs';
import { until } from './support/process.mjs';
import {
  answerer,
  blackhole,
  closer,
  echo,
  halfOpen,
  hasIPv6,
  pattern,
  refusedPort,
  silent,
  sink,
} from './support/servers.mjs';

watchDescriptors();
prepareCertificates();

const refuse = (_hostname, _options, callback) =>
  callback(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }));

for (const [name, kind] of Object.entries(kinds)) {
  describe(name, { timeout: 120_000 }, () => {
    describe('from its beginning to its end', () => {
      test('tells it in the same events, in the same order', async (t) => {
        const server = await servedTo(t, kind, echo());
        const socket = dialAs(t, kind, server);
        const events = record(socket, [
          'connect',
          'ready',
          'secureConnect',
          'data',
          'end',
          'error',
          'timeout',
          'close',
        ]);
        socket.write('hello');
        socket.on('data', () => socket.end());
        let finished = false;
        socket.on('finish', () => {
          finished = true;
        });
        await once(socket, 'close');
        assert.deepEqual(events, [
          ['connect'],
          ['ready'],
          ...(kind.isTls ? [['secureConnect']] : []),
          ['data', Buffer.from('hello')],
          ['end'],
          ['close', false],
        ]);
        assert.equal(finished, true);
      });

      test('says where it stands', async (t) => {
        const server = await servedTo(t, kind, silent());
        const socket = dialAs(t, kind, server);
        const state = () => {
          const { connecting, pending, readyState, destroyed, bytesRead, bytesWritten } = socket;
          return { connecting, pending, readyState, destroyed, bytesRead, bytesWritten };
        };
        const nothing = { connecting: false, pending: false, destroyed: false, bytesRead: 0, bytesWritten: 0 };
        const opening = { ...nothing, connecting: true, pending: true, readyState: 'opening' };
        assert.deepEqual(state(), opening);
        assert.equal(socket.remoteAddress, undefined);
        assert.equal(socket.localPort, undefined);
        assert.deepEqual(socket.address(), {});
        await once(socket, kind.isTls ? 'secureConnect' : 'connect');
        assert.deepEqual({ ...state(), bytesRead: 0, bytesWritten: 0 }, { ...nothing, readyState: 'open' });
        socket.end();
        await once(socket, 'finish');
        assert.equal(socket.readyState, 'readOnly');
        socket.destroy();
        await once(socket, 'close');
        assert.equal(socket.readyState, 'closed');
        assert.equal(socket.destroyed, true);
        assert.equal(socket.connecting, false);
      });

      test('knows both addresses', async (t) => {
        const { socket, server, log } = await connectedAs(t, kind, echo());
        const { remotePort: port } = log.socket;
        assert.deepEqual(socket.address(), { address: '127.0.0.1', family: 'IPv4', port });
        assert.equal(socket.localAddress, '127.0.0.1');
        assert.equal(socket.localFamily, 'IPv4');
        assert.equal(socket.localPort, port);
        assert.equal(socket.remoteAddress, '127.0.0.1');
        assert.equal(socket.remoteFamily, 'IPv4');
        assert.equal(socket.remotePort, server.port);
      });

      test('knows addresses of IPv6', { skip: !hasIPv6 && 'needs ::1' }, async (t) => {
        const server = await servedTo(t, kind, echo(), { hosts: ['::1'] });
        const socket = dialAs(t, kind, server);
        await once(socket, kind.isTls ? 'secureConnect' : 'connect');
        assert.equal(socket.remoteAddress, '::1');
        assert.equal(socket.remoteFamily, 'IPv6');
        assert.equal(socket.address().family, 'IPv6');
        assert.equal(socket.address().address, '::1');
      });
    });

    describe('half open', () => {
      test('answers the end of the peer by its own, behind what is still to be written', async (t) => {
        let startReading;
        const { socket, log } = await connectedAs(t, kind, (stream, log) => {
          stream.end('bye');
          startReading = () => log.observe(stream);
        });
        for (let i = 0; i < 16; i++) socket.write(pattern(MiB, i * MiB));
        socket.resume();
        await once(socket, 'end');
        (await until(() => startReading))();
        await once(socket, 'close');
        await log.ended;
        assert.equal(log.bytes, 16 * MiB);
        assert.equal(log.sha256, sha256(Buffer.concat(Array.from({ length: 16 }, (_, i) => pattern(MiB, i * MiB)))));
      });

      test('refuses writes once the peer has ended', async (t) => {
        const { socket } = await connectedAs(t, kind, closer('bye'));
        const failed = new Promise((resolve) => socket.once('error', resolve));
        socket.once('finish', () => socket.write('late'));
        socket.resume();
        assert.equal((await failed).code, 'EPIPE');
      });

      test('with allowHalfOpen goes on writing after the end of the peer', async (t) => {
        const { socket, log } = await connectedAs(t, kind, closer('bye'), { allowHalfOpen: true });
        assert.equal(socket.allowHalfOpen, true);
        socket.resume();
        await once(socket, 'end');
        assert.equal(socket.readyState, 'writeOnly');
        socket.write('more ');
        socket.end('and more');
        await once(socket, 'close');
        await log.ended;
        assert.equal(log.text, 'more and more');
      });

      test('goes on reading after its own end', async (t) => {
        const { socket } = await connectedAs(t, kind, halfOpen('answer'));
        socket.end('question');
        assert.equal((await socket.toArray()).join(''), 'answer');
      });
    });

    describe('being destroyed', () => {
      test('closes without an end', async (t) => {
        const { socket, log } = await connectedAs(t, kind, sink());
        const events = record(socket, ['data', 'end', 'finish', 'error', 'close']);
        assert.equal(socket.destroy(), socket);
        socket.destroy(new Error('too late to count'));
        assert.deepEqual(events, []);
        await once(socket, 'close');
        assert.deepEqual(events, [['close', false]]);
        await log.ended;
      });

      test('by an error tells it first', async (t) => {
        const { socket } = await connectedAs(t, kind, sink());
        const events = record(socket, ['end', 'error', 'close']);
        const reason = new Error('enough');
        socket.destroy(reason);
        // once() would reject with the error.
        await new Promise((resolve) => socket.on('close', resolve));
        assert.deepEqual(events, [
          ['error', reason],
          ['close', true],
        ]);
        assert.equal(socket.errored, reason);
      });

      test('sends what was taken for sent before', async (t) => {
        const { socket, log } = await connectedAs(t, kind, sink());
        await new Promise((resolve) => socket.write('last words', resolve));
        socket.destroy();
        await log.ended;
        assert.equal(log.text, 'last words');
      });

      test('while connecting gives up, and connects no more', async (t) => {
        const server = await servedTo(t, kind, sink());
        const socket = dialAs(t, kind, server);
        const events = record(socket, ['connect', 'error', 'close']);
        const told = new Promise((resolve) => socket.write('never', resolve));
        socket.destroy();
        assert.equal(socket.connecting, false);
        await once(socket, 'close');
        assert.ok((await told) instanceof Error);
        assert.deepEqual(events, [['close', false]]);
      });

      test('by destroySoon() happens behind what is to be written', async (t) => {
        const { socket, log } = await connectedAs(t, kind, sink());
        socket.write(pattern(4 * MiB));
        socket.destroySoon();
        await once(socket, 'close');
        await log.ended;
        assert.equal(log.bytes, 4 * MiB);
      });

      test('by a signal is an error', async (t) => {
        const server = await servedTo(t, kind, sink());
        const controller = new AbortController();
        const socket = dialAs(t, kind, server, { signal: controller.signal });
        const errors = once(socket, 'error');
        controller.abort();
        assert.equal((await errors)[0].name, 'AbortError');
      });
    });

    describe('failing to connect', () => {
      test('is told by an error with the code, and closes', async (t) => {
        const port = await refusedPort();
        const socket = dialAs(t, kind, { host: '127.0.0.1', port });
        const events = record(socket, ['connect', 'end', 'error', 'close']);
        await new Promise((resolve) => socket.on('close', resolve));
        assert.deepEqual(
          events.map(([name]) => name),
          ['error', 'close'],
        );
        const [, { code, syscall, address, port: told }] = events[0];
        assert.deepEqual(
          { code, syscall, address, told },
          { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', told: port },
        );
        assert.equal(events[1][1], true);
      });

      test('for want of an address is an error', async (t) => {
        const socket = dialAs(t, kind, { host: 'nowhere.test', port: 1 }, { lookup: refuse });
        const closed = new Promise((resolve) => socket.on('close', resolve));
        const [error] = await once(socket, 'error');
        assert.equal(error.code, 'ENOTFOUND');
        assert.equal(await closed, true);
      });
    });

    describe('setTimeout()', () => {
      test('tells of a connection that nothing happens on, and leaves it as it is', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        let calls = 0;
        assert.equal(
          socket.setTimeout(5, () => calls++),
          socket,
        );
        assert.equal(socket.timeout, 5);
        await once(socket, 'timeout');
        assert.equal(calls, 1);
        assert.equal(socket.destroyed, false);
        // Any traffic arms it again, the listener does not come twice.
        socket.write('x');
        await once(socket, 'timeout');
        assert.equal(calls, 1);
        socket.setTimeout(0);
        assert.equal(socket.timeout, 0);
      });

      test('tells of an attempt to connect that takes long', {
        skip: process.platform !== 'linux' && 'needs Linux',
      }, async (t) => {
        const hole = await blackhole();
        t.after(() => hole.close());
        const socket = dialAs(t, kind, hole);
        socket.setTimeout(5);
        await once(socket, 'timeout');
        assert.equal(socket.connecting, true);
        socket.destroy(new Error('enough'));
        assert.equal((await once(socket, 'error'))[0].message, 'enough');
      });

      test('takes back its callback with 0, and checks what it is given', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        const callback = () => assert.fail('it was taken back');
        socket.setTimeout(60_000, callback);
        assert.equal(socket.listenerCount('timeout'), 1);
        socket.setTimeout(0, callback);
        assert.equal(socket.listenerCount('timeout'), 0);
        assert.throws(() => socket.setTimeout('5'), { code: 'ERR_INVALID_ARG_TYPE' });
        assert.throws(() => socket.setTimeout(-1), { code: 'ERR_OUT_OF_RANGE' });
        assert.throws(() => socket.setTimeout(Number.NaN), { code: 'ERR_OUT_OF_RANGE' });
        assert.throws(() => socket.setTimeout(Number.POSITIVE_INFINITY), { code: 'ERR_OUT_OF_RANGE' });
        assert.throws(() => socket.setTimeout(5, 'not a function'), { code: 'ERR_INVALID_ARG_TYPE' });
        socket.destroy();
        assert.equal(socket.setTimeout(5), socket);
      });

      test('is not told of a destroyed socket', async (t) => {
        const { socket } = await connectedAs(t, kind, echo());
        const events = record(socket, ['timeout']);
        socket.setTimeout(1);
        socket.destroy();
        await once(socket, 'close');
        const other = await connectedAs(t, kind, echo());
        other.socket.setTimeout(2);
        await once(other.socket, 'timeout');
        assert.deepEqual(events, []);
      });
    });

    test('its setters give the socket back', async (t) => {
      const server = await servedTo(t, kind, answerer('x'));
      const socket = dialAs(t, kind, server);
      for (const when of ['connecting', 'connected']) {
        assert.equal(socket.setNoDelay(), socket, when);
        assert.equal(socket.setNoDelay(false), socket, when);
        assert.equal(socket.setKeepAlive(true, 1000), socket, when);
        assert.equal(socket.setKeepAlive(), socket, when);
        assert.equal(socket.unref(), socket, when);
        assert.equal(socket.ref(), socket, when);
        if (when === 'connecting') await once(socket, 'connect');
      }
    });
  });
}
