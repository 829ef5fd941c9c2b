// Many bytes through TLS, in both directions and in writes of every awkward size.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { modes, served, watchDescriptors } from './support/extra-tls.mjs';
import { echo, pattern, sender, sink } from './support/servers.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Around the size of a TLS record, of a chunk, and large. */
const SIZES = [1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB];
const HUGE = 64 * MIB;

// 64 MiB through a server and a client in one process, on a slow machine.
const slow = { timeout: 300_000 };

watchDescriptors();

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Reads to the end; resolves to the number of bytes and their hash. */
async function drain(readable) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of readable) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

for (const { name, wrap, open } of modes) {
  describe(name, slow, () => {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const start = async (t, next) => {
        const server = await served(t, wrap({ ...identity, minVersion: version, maxVersion: version }, next));
        const socket = await open(t, server, { ca: authority.pem });
        return { socket, log: await server.connection(0) };
      };

      for (const size of SIZES) {
        test(`[E1] ${version}: a single write of ${size} bytes comes back complete and unchanged`, async (t) => {
          const data = pattern(size, size);
          const { socket, log } = await start(t, echo());
          const writer = socket.writable.getWriter();
          const writing = writer.write(data).then(() => writer.close());
          const received = await drain(socket.readable);
          await writing;
          await socket.closed;
          assert.deepEqual(received, { bytes: size, sha256: sha256(data) });
          assert.deepEqual({ bytes: log.bytes, sha256: log.sha256 }, received);
        });
      }

      test(`[E1] ${version}: all of these sizes in one connection keep their order`, async (t) => {
        const { socket, log } = await start(t, echo());
        const writer = socket.writable.getWriter();
        const chunks = [...SIZES, ...SIZES.toReversed()].map((size, index) => pattern(size, index));
        const writing = Promise.all([...chunks.map((chunk) => writer.write(chunk)), writer.close()]);
        const received = await drain(socket.readable);
        await writing;
        const whole = Buffer.concat(chunks);
        assert.deepEqual(received, { bytes: whole.length, sha256: sha256(whole) });
        assert.equal(log.sha256, received.sha256);
      });
    }

    test('[E1] a single write of 64 MiB arrives complete and unchanged', async (t) => {
      const data = pattern(HUGE);
      const server = await served(t, wrap(identity, sink()));
      const socket = await open(t, server, { ca: authority.pem });
      const writer = socket.writable.getWriter();
      await Promise.all([writer.write(data), writer.close()]);
      const log = await server.connection(0);
      await log.closed;
      assert.deepEqual([log.bytes, log.sha256], [HUGE, sha256(data)]);
    });

    test('[E1] 64 MiB that the peer sends arrive complete and unchanged', async (t) => {
      const server = await served(t, wrap(identity, sender(HUGE)));
      const socket = await open(t, server, { ca: authority.pem });
      const received = await drain(socket.readable);
      assert.deepEqual(received, { bytes: HUGE, sha256: sha256(pattern(HUGE)) });
      await socket.closed;
    });
  });
}
