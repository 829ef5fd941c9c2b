// What has to work in every runtime, one process each. `run` is that process; `verify` looks at what the server saw of it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

const MiB = 1024 * 1024;

/** The bytes until the end, or until there are so many. */
async function read(readable, wanted = Number.POSITIVE_INFINITY) {
  const reader = readable.getReader();
  const chunks = [];
  for (let length = 0; length < wanted; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  reader.releaseLock();
  return Buffer.concat(chunks);
}

async function say(writable, chunk) {
  const writer = writable.getWriter();
  await writer.write(chunk);
  writer.releaseLock();
}

async function echoes({ readable, writable }, text = 'hello') {
  await say(writable, text);
  assert.equal(String(await read(readable, text.length)), text);
}

export const cases = {
  '`import` and `require()` give one instance': {
    server: 'echo',
    async run({ connect }) {
      assert.equal(createRequire(import.meta.url)('winter-sockets').connect, connect);
    },
  },

  'plain TCP: addresses, echo, the end of the peer': {
    server: 'echo',
    async run({ connect, hostname, port }) {
      const socket = connect({ hostname, port });
      const { remoteAddress, peerAddress } = await socket.opened;
      assert.deepEqual([remoteAddress, peerAddress], [`${hostname}:${port}`, `127.0.0.1:${port}`]);
      await echoes(socket);
      await socket.writable.close();
      assert.equal((await read(socket.readable)).length, 0);
      await socket.closed;
    },
  },

  'TLS: verified, and its particulars told': {
    server: 'tls',
    async run({ connect, hostname, port, ca }) {
      const socket = connect({ hostname, port }, { secureTransport: 'on', tls: { ca } });
      assert.equal((await socket.opened).tlsVersion, 'TLSv1.3');
      await echoes(socket);
      await socket.close();
    },
    verify: (log) => assert.deepEqual([log.tls.protocol, log.closeNotify], ['TLSv1.3', true]),
  },

  'TLS: a server that nobody vouches for is refused': {
    server: 'tls',
    async run({ connect, hostname, port, SocketError }) {
      const socket = connect({ hostname, port }, { secureTransport: 'on' });
      socket.writable
        .getWriter()
        .write('secret')
        .catch(() => {});
      const error = await socket.opened.catch((reason) => reason);
      assert.ok(error instanceof SocketError);
      assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    },
    verify: (log) => assert.equal(log.bytes, 0),
  },

  '`startTls()`': {
    server: 'startTls',
    async run({ connect, hostname, port, ca }) {
      const plain = connect({ hostname, port }, { secureTransport: 'starttls' });
      await say(plain.writable, 'STARTTLS\n');
      assert.equal(String(await read(plain.readable, 3)), 'OK\n');
      const secure = plain.startTls({ ca });
      await plain.closed;
      await secure.opened;
      await echoes(secure);
      await secure.close();
    },
    verify: (log) => assert.equal(log.text, 'hello'),
  },

  'BYOB reads': {
    server: 'echo',
    async run({ connect, hostname, port }) {
      const socket = connect({ hostname, port });
      await say(socket.writable, 'hello');
      const reader = socket.readable.getReader({ mode: 'byob' });
      const buffer = new ArrayBuffer(16);
      const { value } = await reader.read(new Uint8Array(buffer, 4, 2));
      assert.deepEqual([buffer.byteLength, value.byteOffset, String(Buffer.from(value))], [0, 4, 'he']);
      assert.equal(String(Buffer.from((await reader.read(new Uint8Array(8))).value)), 'llo');
      await socket.close();
    },
  },

  'back-pressure, and 16 MiB each way': {
    server: 'echo',
    async run({ connect, hostname, port }) {
      const socket = connect({ hostname, port });
      const bytes = Buffer.alloc(16 * MiB, 'pattern ');
      const writer = socket.writable.getWriter();
      const written = writer.write(bytes).then(() => writer.close());
      assert.ok(writer.desiredSize < 0);
      assert.ok(bytes.equals(await read(socket.readable)));
      await written;
    },
  },

  '`close()` sends what is queued': {
    server: 'sink',
    async run({ connect, hostname, port }) {
      const socket = connect({ hostname, port });
      socket.writable.getWriter().write(new Uint8Array(4 * MiB));
      await socket.close();
    },
    verify: async (log) => assert.deepEqual([await log.ended, log.bytes], ['FIN', 4 * MiB]),
  },

  '`close(reason)` and an aborted `signal`': {
    server: 'silent',
    async run({ connect, hostname, port }) {
      const reason = new Error('enough');
      const controller = new AbortController();
      const sockets = [connect({ hostname, port }), connect({ hostname, port }, { signal: controller.signal })];
      await Promise.all(sockets.map(({ opened }) => opened));
      const reads = sockets.map(({ readable }) => readable.getReader().read());
      sockets[0].close(reason);
      controller.abort(reason);
      for (const pending of reads) assert.equal(await pending.catch((error) => error), reason);
    },
  },

  'errors: code, step, address and port': {
    server: 'none',
    async run({ connect, hostname, port, SocketError }) {
      const socket = connect({ hostname, port });
      const writing = socket.writable.getWriter().write('lost');
      const error = await socket.opened.catch((reason) => reason);
      assert.ok(error instanceof SocketError && error instanceof TypeError);
      const { name, code, syscall, address } = error;
      assert.deepEqual([name, code, syscall, address], ['SocketError', 'ECONNREFUSED', 'connect', '127.0.0.1']);
      assert.equal(await writing.catch((reason) => reason), error);
      assert.throws(() => connect('no port'), { code: 'ERR_INVALID_ARG_VALUE' });
    },
  },

  '`unref()`: an open socket lets the process end': {
    server: 'silent',
    async run({ connect, hostname, port }) {
      const socket = connect({ hostname, port });
      await socket.opened;
      socket.unref();
    },
  },

  'worker threads, also one that is terminated': {
    server: 'echo',
    async run({ connect, hostname, port }) {
      const workerData = { hostname, port };
      const ended = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
      const [answer] = await once(ended, 'message');
      assert.equal(answer, 'hello');
      const terminated = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
      await once(terminated, 'message');
      await terminated.terminate();
      const socket = connect({ hostname, port });
      await echoes(socket);
      await socket.close();
    },
  },

  '`process.exit()` in the midst of transfers': {
    server: 'echo',
    code: 7,
    async run({ connect, hostname, port }) {
      const sockets = Array.from({ length: 20 }, () => connect({ hostname, port }));
      for (const { writable } of sockets)
        writable
          .getWriter()
          .write(new Uint8Array(4 * MiB))
          .catch(() => {});
      await Promise.all(sockets.map(({ readable }) => readable.getReader().read()));
      process.exit(7);
    },
  },

  'the name `cloudflare:sockets`': {
    server: 'echo',
    way: 'byName',
    async run({ connect }) {
      const { connect: byName } = await import('./by-name.mjs');
      assert.equal(byName, connect);
      assert.equal(createRequire(import.meta.url)('cloudflare:sockets').connect, connect);
    },
  },

  'pg, routed by the preload: a query over TLS': {
    server: 'postgres',
    way: 'routed',
    async run({ postgres }) {
      const { default: pg } = await import('pg');
      const client = new pg.Client(postgres);
      await client.connect();
      const { rows } = await client.query('SELECT ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      const { name } = client.connection.stream.constructor;
      await client.end();
      assert.deepEqual([name, rows], ['CloudflareSocket', [{ tls: true }]]);
    },
  },
};
