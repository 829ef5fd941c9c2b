// The key exchange that is offered, as it stands in the ClientHello on the wire.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { nodeMajors } from '../scripts/node-majors.mjs';
import { createAuthority } from './support/certs.mjs';
import {
  assertSocketError,
  checkpoint,
  dial,
  exchange,
  failureOf,
  limit,
  modes,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { cleanEnv, inline } from './support/process.mjs';
import { echo } from './support/servers.mjs';

/** Set by whoever runs this with an addon built on another provider than the default. */
const provider = process.env.PROVIDER ?? 'aws-lc';

/** Numbers of groups and extensions, as IANA has them. */
const X25519MLKEM768 = 0x11ec;
const X25519 = 0x001d;
const [SUPPORTED_GROUPS, KEY_SHARE] = [10, 51];
const KEY_LENGTHS = { [X25519MLKEM768]: 1216, [X25519]: 32 };

watchDescriptors();

let authority;
before(async () => {
  authority = await createAuthority();
});

for (const { name, unwrap, wrap, open } of modes) {
  // What a server has chosen before is offered to it first by connections of the same settings.
  const fresh = (what) => ({ ca: authority.pem, alpn: [`${what} ${name}`.slice(0, 32)] });

  describe(`the key exchange ${name}`, limit, () => {
    const hybrid = provider === 'aws-lc';
    test(`[D7] ${hybrid ? 'withstands' : 'does not withstand'} a quantum computer: the group is ${hybrid ? 'offered first' : 'not offered'}`, async (t) => {
      const { open: resolve, opened: received } = checkpoint();
      const server = await served(
        t,
        unwrap((stream) => {
          const chunks = [];
          stream.on('data', (chunk) => {
            chunks.push(chunk);
            const hello = Buffer.concat(chunks);
            if (hello.length >= 5 && hello.length >= 5 + hello.readUInt16BE(3)) resolve(hello);
          });
          stream.on('end', () => stream.end());
          stream.resume();
        }),
      );
      await open(t, server, fresh('offer'));
      const hello = await received;
      t.diagnostic(`the ClientHello takes ${hello.length} bytes`);
      const { groups, shares } = offered(hello);
      if (!hybrid) {
        assert.ok(groups.includes(X25519));
        assert.ok(!groups.includes(X25519MLKEM768));
        return;
      }
      assert.equal(groups[0], X25519MLKEM768);
      // With the share of the old group beside it: a server that knows no other costs no round trip more.
      assert.deepEqual(shares, [
        [X25519MLKEM768, KEY_LENGTHS[X25519MLKEM768]],
        [X25519, KEY_LENGTHS[X25519]],
      ]);
    });

    test('[D7] falls back to what the server has', async (t) => {
      const { chain, key } = await authority.issue();
      const server = await served(t, wrap({ cert: chain, key, ecdhCurve: 'P-384' }, echo()));
      const socket = await open(t, server, fresh('fallback'));
      assert.equal(await exchange(socket, 'hello'), 'hello');
    });
  });
}

// Node's own server knows the group from 24 on.
const newest = nodeMajors().at(-1);

test('[D7] a server that knows only the hybrid group is reached where it is offered', {
  ...limit,
  skip: newest.missing,
}, async (t) => {
  const { chain, key } = await authority.issue();
  const program = `
    import { createServer } from 'node:tls';
    const { cert, key } = JSON.parse(process.env.SERVER);
    const server = createServer({ cert, key, ecdhCurve: 'X25519MLKEM768' }, (socket) => socket.pipe(socket));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
  const env = cleanEnv({ SERVER: JSON.stringify({ cert: chain, key }) });
  const server = spawn(newest.path, inline(program), { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  t.after(async () => {
    server.kill();
    await exited;
  });
  const [line] = await once(server.stdout, 'data');
  const tls = { ca: authority.pem };
  const socket = dial(t, { host: '127.0.0.1', port: Number(line) }, { secureTransport: 'on', tls });
  if (provider === 'aws-lc') assert.equal(await exchange(socket, 'hello'), 'hello');
  else assertSocketError(await failureOf(socket), { code: 'ERR_SOCKET_TLS_ALERT', alert: 40 });
});

/** The groups of a ClientHello in their order, and the shares that it has, as `[group, bytes]`. */
function offered(record) {
  assert.deepEqual([record[0], record[5]], [22, 1], 'a ClientHello in a record of its own');
  // Behind the headers, the version and the random number: the session, the ciphers, the compression.
  let at = 5 + 4 + 2 + 32;
  at += 1 + record[at];
  at += 2 + record.readUInt16BE(at);
  at += 1 + record[at];
  const extensions = new Map();
  for (at += 2; at < record.length; at += 4 + record.readUInt16BE(at + 2)) {
    extensions.set(record.readUInt16BE(at), record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2)));
  }
  const list = extensions.get(SUPPORTED_GROUPS).subarray(2);
  const groups = Array.from({ length: list.length / 2 }, (_, index) => list.readUInt16BE(2 * index));
  const shares = [];
  const keys = extensions.get(KEY_SHARE).subarray(2);
  for (let next = 0; next < keys.length; next += 4 + keys.readUInt16BE(next + 2)) {
    shares.push([keys.readUInt16BE(next), keys.readUInt16BE(next + 2)]);
  }
  return { groups, shares };
}
