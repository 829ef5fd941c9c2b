// mqtt over a node-style socket, against Mosquitto.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { createClient } from '../examples/drivers/mqtt.mjs';
import { ownServer, watchOpened } from './support/driver-cases.mjs';
import { MiB, watchDescriptors } from './support/extra-tcp.mjs';
import { startMosquitto } from './support/mosquitto.mjs';
import { until } from './support/process.mjs';
import { describeWith } from './support/programs.mjs';
import { pattern, refusedPort } from './support/servers.mjs';

watchDescriptors();

describeWith(['mosquitto'], 'mqtt', () => {
  const own = ownServer(startMosquitto);

  function openClient(t, options) {
    const { host, port, username, password } = own.server;
    const client = createClient({ host, port, username, password, ...options });
    t.after(() => client.endAsync(true));
    return client;
  }

  const kinds = {
    'in plaintext': () => ({}),
    'over TLS of winter-sockets': () => ({ port: own.server.tlsPort, tls: { ca: own.authority.pem } }),
  };

  for (const [name, options] of Object.entries(kinds)) {
    describe(name, () => {
      for (const protocolVersion of [4, 5]) {
        test(`publishes and receives with each quality of service, protocol ${protocolVersion}`, async (t) => {
          const opened = watchOpened(t);
          const client = openClient(t, { ...options(), protocolVersion });
          await once(client, 'connect');
          await client.subscribeAsync('news/#', { qos: 2 });
          const received = [];
          client.on('message', (topic, payload, { qos }) => received.push([topic, payload.toString(), qos]));
          for (const qos of [0, 1, 2]) await client.publishAsync(`news/${qos}`, 'hello', { qos });
          await until(() => received.length === 3);
          assert.deepEqual(received, [
            ['news/0', 'hello', 0],
            ['news/1', 'hello', 1],
            ['news/2', 'hello', 2],
          ]);
          await client.endAsync();
          assert.equal(opened.count, 1);
        });
      }

      test('carries megabytes', async (t) => {
        const client = openClient(t, options());
        await client.subscribeAsync('large');
        const message = once(client, 'message');
        await client.publishAsync('large', pattern(4 * MiB), { qos: 1 });
        assert.ok(pattern(4 * MiB).equals((await message)[1]));
      });

      test('keeps an idle connection by pings', async (t) => {
        const client = openClient(t, { ...options(), keepalive: 1 });
        await once(client, 'connect');
        for (;;) {
          const [packet] = await once(client, 'packetreceive');
          if (packet.cmd === 'pingresp') break;
        }
        assert.equal(client.connected, true);
      });

      test('connects anew when the stream is lost', async (t) => {
        const opened = watchOpened(t);
        const client = openClient(t, { ...options(), reconnectPeriod: 1 });
        await once(client, 'connect');
        const again = once(client, 'connect');
        client.stream.destroy();
        await again;
        await client.publishAsync('anything', 'x', { qos: 1 });
        assert.equal(opened.count, 2);
      });
    });
  }

  test('failures have the codes they have over node:net and node:tls', async (t) => {
    const cases = [
      [{ host: '127.0.0.1', port: await refusedPort() }, 'ECONNREFUSED'],
      [{ port: own.server.tlsPort, tls: {} }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ];
    for (const [options, code] of cases) {
      const client = openClient(t, { ...options, reconnectPeriod: 0 });
      const [error] = await once(client, 'error');
      assert.equal(error.code, code);
    }
    const client = openClient(t, { password: 'wrong', reconnectPeriod: 0 });
    const [error] = await once(client, 'error');
    assert.match(error.message, /Not authorized/);
  });
});
