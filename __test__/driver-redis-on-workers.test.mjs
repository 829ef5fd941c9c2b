// The stock redis-on-workers over this package, against a real Redis.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { runDriver } from './support/drivers.mjs';
import { describeWith } from './support/programs.mjs';
import { startRedis } from './support/redis.mjs';
import { refusedPort } from './support/servers.mjs';

describeWith(['redis-server'], 'redis-on-workers', () => {
  let server;
  let authority;

  before(async () => {
    authority = await createAuthority();
    server = await startRedis(await authority.issue({ names: ['localhost'] }));
  });

  after(() => server.stop());

  const own = "import { createRedis } from 'redis-on-workers';";
  const ways = {
    'through the preload': { imports: own, connectFn: '' },
    'through the preload, from CommonJS': {
      imports: `import { createRequire } from 'node:module';
        const { createRedis } = createRequire(import.meta.url)('redis-on-workers');`,
      connectFn: '',
    },
    'given our connect(), without the preload': {
      imports: `${own} import { connect } from 'winter-sockets';`,
      connectFn: 'connectFn: connect,',
      preload: false,
    },
  };

  for (const [way, { imports, connectFn, preload }] of Object.entries(ways)) {
    for (const [kind, spoken] of [
      ['plaintext', /^plaintext$/],
      ['TLS', /^TLSv1\.3$/],
    ]) {
      test(`${kind}, ${way}: text, numbers and binary, a hundred commands`, async () => {
        const { host: hostname, port, tlsPort, password } = server;
        const tls = kind === 'TLS';
        const { value, error, opened, unhandled } = await runDriver({
          imports,
          preload,
          ca: authority.pem,
          options: { hostname, port: tls ? tlsPort : port, password, tls },
          body: `
            const redis = createRedis({ ...options, ${connectFn} });
            const answers = [await redis.send('SET', 'key', 'value'), await redis.send('GET', 'key')];
            const counts = [];
            // One after the other: commands sent side by side get the answer to the last of them from this driver.
            for (let command = 0; command < 100; command++) counts.push(await redis.send('INCR', 'count'));
            const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 256);
            await redis.sendRaw('SET', 'bytes', bytes);
            const back = await redis.sendRaw('GET', 'bytes');
            await redis.send('DEL', 'count');
            await redis.close();
            return { answers, inOrder: counts.every((count, index) => count === index + 1),
              same: Buffer.compare(bytes, back) === 0 };
          `,
        });
        assert.equal(error, undefined);
        assert.deepEqual(value, { answers: ['OK', 'value'], inOrder: true, same: true });
        assert.deepEqual(unhandled, []);
        assert.ok(opened.length > 0 && opened.every((each) => spoken.test(each)), String(opened));
      });
    }
  }

  // The driver rejects a promise of its own beside that of the command, and nobody handles it.
  const failing = "const redis = createRedis(options); return redis.send('GET', 'key');";

  test('a server that is not trusted gets no command', async () => {
    const { host: hostname, tlsPort, password } = server;
    const options = { hostname, port: tlsPort, password, tls: true };
    const { error, opened, unhandled } = await runDriver({ imports: own, options, body: failing });
    assert.deepEqual(opened, []);
    assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    assert.equal(unhandled.length, 1);
  });

  test('a refused connection is an error of the command', async () => {
    const options = { hostname: '127.0.0.1', port: await refusedPort() };
    const { error, unhandled } = await runDriver({ imports: own, options, body: failing });
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(unhandled.length, 1);
  });
});
