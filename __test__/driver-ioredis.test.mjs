// ioredis over a node-style socket, against Redis.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { createClient } from '../examples/drivers/ioredis.mjs';
import { ownServer, watchOpened } from './support/driver-cases.mjs';
import { MiB, watchDescriptors } from './support/extra-tcp.mjs';
import { describeWith } from './support/programs.mjs';
import { startRedis } from './support/redis.mjs';
import { pattern, refusedPort } from './support/servers.mjs';

watchDescriptors();

describeWith(['redis-server'], 'ioredis', () => {
  const own = ownServer(startRedis);

  async function openClient(t, options) {
    const { host, port, password } = own.server;
    const client = createClient({ host, port, password, ...options });
    t.after(async () => {
      client.disconnect();
      if (client.status !== 'end') await once(client, 'end');
    });
    return client;
  }

  const kinds = {
    'in plaintext': () => ({}),
    'over TLS of winter-sockets': () => ({ port: own.server.tlsPort, tls: { ca: own.authority.pem } }),
  };

  for (const [name, options] of Object.entries(kinds)) {
    describe(name, () => {
      test('commands, pipelines, transactions and scripts', async (t) => {
        const opened = watchOpened(t);
        const client = await openClient(t, options());
        await client.flushall();
        assert.equal(await client.set('key', 'välue'), 'OK');
        assert.equal(await client.get('key'), 'välue');
        const numbers = Array.from({ length: 1000 }, (_, i) => i + 1);
        assert.deepEqual(await Promise.all(numbers.map(() => client.incr('counter'))), numbers);
        const pipeline = client.pipeline();
        for (const number of numbers) pipeline.rpush('list', number);
        assert.deepEqual(
          (await pipeline.exec()).map(([, length]) => length),
          numbers,
        );
        assert.deepEqual(await client.multi().incr('counter').get('key').exec(), [
          [null, 1001],
          [null, 'välue'],
        ]);
        assert.equal(await client.eval('return redis.call("llen", KEYS[1])', 1, 'list'), 1000);
        assert.equal(opened.count, 1);
      });

      test('megabytes in and out', async (t) => {
        const client = await openClient(t, options());
        const value = pattern(8 * MiB);
        await client.set('large', value);
        assert.ok(value.equals(await client.getBuffer('large')));
      });

      test('messages to subscribers', async (t) => {
        const [subscriber, publisher] = [await openClient(t, options()), await openClient(t, options())];
        await subscriber.subscribe('news');
        const message = once(subscriber, 'message');
        assert.equal(await publisher.publish('news', 'hello'), 1);
        assert.deepEqual(await message, ['news', 'hello']);
      });

      test('a connection that the server kills is made anew, and what waits is sent then', async (t) => {
        const opened = watchOpened(t);
        const client = await openClient(t, { ...options(), retryStrategy: () => 1 });
        const other = await openClient(t, options());
        const id = await client.client('ID');
        await other.ping();
        const closed = once(client, 'close');
        assert.equal(await other.client('KILL', 'ID', id), 1);
        await closed;
        assert.equal(await client.ping(), 'PONG');
        assert.notEqual(await client.client('ID'), id);
        assert.equal(opened.count, 3);
      });

      test('quit() ends the connection', async (t) => {
        const client = await openClient(t, options());
        const ended = once(client, 'end');
        assert.equal(await client.quit(), 'OK');
        await ended;
      });
    });
  }

  test('failures have the codes they have over node:net and node:tls', async (t) => {
    const once = { retryStrategy: null, maxRetriesPerRequest: 0, lazyConnect: true };
    const cases = [
      [{ host: '127.0.0.1', port: await refusedPort() }, 'ECONNREFUSED'],
      [{ port: own.server.tlsPort, tls: {} }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ];
    for (const [options, code] of cases) {
      const client = await openClient(t, { ...options, ...once });
      const errors = [];
      client.on('error', (error) => errors.push(error.code));
      await assert.rejects(client.connect());
      assert.deepEqual(errors, [code]);
    }
  });
});
