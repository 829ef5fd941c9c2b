// HTTP and WebSocket clients over node-style sockets: undici, ws and Node's own http.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { fetch, request } from 'undici';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';
import { WebSocketServer } from 'ws';
import { Agent } from '../examples/drivers/http.mjs';
import { createAgent } from '../examples/drivers/undici.mjs';
import { openWebSocket } from '../examples/drivers/ws.mjs';
import { createAuthority } from './support/certs.mjs';
import { watchOpened } from './support/driver-cases.mjs';
import { linuxOnly, MiB, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { blackhole, pattern, refusedPort } from './support/servers.mjs';

watchDescriptors();

let authority;
let credentials;

before(async () => {
  authority = await createAuthority();
  credentials = await authority.issue();
});

/** A server that sends back what it is sent, with a header that tells by which connection. */
async function startServer(t, { secure = false } = {}) {
  const echo = (incoming, outgoing) => {
    outgoing.setHeader('x-port', incoming.socket.remotePort);
    incoming.pipe(outgoing);
  };
  const server = secure ? https.createServer({ ...credentials }, echo) : http.createServer(echo);
  await once(server.listen(0, 'localhost'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address();
  return { server, port, origin: `${secure ? 'https' : 'http'}://localhost:${port}` };
}

for (const secure of [false, true]) {
  describe(`undici, ${secure ? 'https, TLS by winter-sockets' : 'http'}`, () => {
    function openAgent(t, options) {
      const dispatcher = createAgent({ tls: { ca: authority.pem }, ...options });
      t.after(() => dispatcher.destroy());
      return dispatcher;
    }

    test('sends requests over connections that it keeps', async (t) => {
      const { origin } = await startServer(t, { secure });
      const opened = watchOpened(t);
      const dispatcher = openAgent(t, { connections: 2 });
      const bodies = await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const { statusCode, body } = await request(origin, { dispatcher, method: 'POST', body: `${i}` });
          assert.equal(statusCode, 200);
          return body.text();
        }),
      );
      assert.deepEqual(
        bodies,
        Array.from({ length: 50 }, (_, i) => `${i}`),
      );
      assert.equal(opened.count, 2);
    });

    test('carries megabytes, and fetch()', async (t) => {
      const { origin } = await startServer(t, { secure });
      const response = await fetch(origin, { dispatcher: openAgent(t), method: 'POST', body: pattern(8 * MiB) });
      assert.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(pattern(8 * MiB)));
    });

    test('gives up a request by its signal', async (t) => {
      const { server, origin } = await startServer(t, { secure });
      server.removeAllListeners('request');
      const controller = new AbortController();
      server.on('request', () => controller.abort());
      const dispatcher = openAgent(t);
      await assert.rejects(request(origin, { dispatcher, signal: controller.signal }), { name: 'AbortError' });
    });
  });

  describe(`ws, ${secure ? 'wss, TLS by winter-sockets' : 'ws'}`, () => {
    test('exchanges messages of every size', async (t) => {
      const { server, port } = await startServer(t, { secure });
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
      const opened = watchOpened(t);
      const socket = openWebSocket(`${secure ? 'wss' : 'ws'}://localhost:${port}`, { tls: { ca: authority.pem } });
      await once(socket, 'open');
      for (const message of [Buffer.from('text'), Buffer.alloc(0), pattern(70_000), pattern(4 * MiB)]) {
        socket.send(message);
        const [back] = await once(socket, 'message');
        assert.ok(message.equals(back));
      }
      socket.ping();
      await once(socket, 'pong');
      socket.close(1000, 'done');
      const [code, reason] = await once(socket, 'close');
      assert.deepEqual([code, reason.toString()], [1000, 'done']);
      assert.equal(opened.count, 1);
    });
  });
}

test('undici gives up a connection that does not come up by its connectTimeout', linuxOnly, async (t) => {
  const hole = await blackhole();
  t.after(() => hole.close());
  const dispatcher = createAgent({ connectTimeout: 20 });
  t.after(() => dispatcher.destroy());
  await assert.rejects(request(`http://${hole.address}`, { dispatcher }), { code: 'UND_ERR_CONNECT_TIMEOUT' });
});

test('undici leaves a connection that is up alone, however long its connectTimeout is over', async (t) => {
  const { server, origin } = await startServer(t);
  server.removeAllListeners('request');
  server.on('request', (_incoming, outgoing) => {
    t.mock.timers.tick(10_000);
    outgoing.end('late');
  });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const limited = createAgent({ connectTimeout: 5_000 });
  t.after(() => limited.destroy());
  const { body } = await request(origin, { dispatcher: limited });
  assert.equal(await body.text(), 'late');
});

test('failures have the codes they have over node:net and node:tls', async (t) => {
  const dispatcher = createAgent();
  t.after(() => dispatcher.destroy());
  const port = await refusedPort();
  await assert.rejects(request(`http://127.0.0.1:${port}`, { dispatcher }), { code: 'ECONNREFUSED' });
  const { origin } = await startServer(t, { secure: true });
  await assert.rejects(request(origin, { dispatcher }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  const socket = openWebSocket(`ws://127.0.0.1:${port}`);
  assert.equal((await once(socket, 'error'))[0].code, 'ECONNREFUSED');
});

test('http2 of Node runs streams side by side over TLS by winter-sockets', async (t) => {
  const server = http2.createSecureServer({ ...credentials });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await once(server.listen(0, 'localhost'), 'listening');
  const { port } = server.address();
  const tls = { ca: authority.pem, ALPNProtocols: ['h2'] };
  const session = http2.connect(`https://localhost:${port}`, {
    createConnection: () => toNodeSocket(connect({ hostname: 'localhost', port }, { secureTransport: 'on', tls })),
  });
  t.after(async () => {
    await promisify(session.close).call(session);
    server.close();
  });
  const bodies = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const stream = session.request({ ':method': 'POST' });
      stream.end(pattern(300_000, i));
      return Buffer.concat(await stream.toArray());
    }),
  );
  for (const [i, body] of bodies.entries()) assert.ok(body.equals(pattern(300_000, i)), `stream ${i}`);
});

describe('http of Node', () => {
  const send = async (agent, port, body) => {
    const outgoing = http.request({ agent, port, host: 'localhost', method: 'POST' });
    outgoing.end(body);
    const [incoming] = await once(outgoing, 'response');
    return { body: Buffer.concat(await incoming.toArray()), port: incoming.headers['x-port'] };
  };

  test('keeps connections alive in its agent', async (t) => {
    const { port } = await startServer(t);
    const opened = watchOpened(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const first = await send(agent, port, 'one');
    const second = await send(agent, port, pattern(4 * MiB));
    assert.equal(first.body.toString(), 'one');
    assert.equal(sha256(second.body), sha256(pattern(4 * MiB)));
    assert.equal(first.port, second.port);
    assert.equal(opened.count, 1);
  });

  test('times out by the socket', async (t) => {
    const { server, port } = await startServer(t);
    server.removeAllListeners('request');
    const agent = new Agent();
    const outgoing = http.get({ agent, port, host: 'localhost', timeout: 20 });
    await once(outgoing, 'timeout');
    outgoing.destroy();
    await new Promise((resolve) => outgoing.on('close', resolve).on('error', () => {}));
  });
});
