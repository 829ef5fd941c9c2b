// Many upgrades in one process: nothing may be left of each.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { served } from './support/extra-tls.mjs';
import { inline, runNode } from './support/process.mjs';
import { echo, overTls, startTls } from './support/servers.mjs';

/** How many upgrades are measured, after a quarter as many to warm up. */
const CYCLES = Number(process.env.UPGRADE_CYCLES ?? 1000);
const WARM_UP = Math.ceil(CYCLES / 4);
const MIB = 1024 * 1024;

let authority;
let identity;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
});

const program = `
  import { readdirSync } from 'node:fs';
  import { connect } from 'winter-sockets';
  const { address, ca, warmUp, cycles } = JSON.parse(process.env.UPGRADES);

  async function exchange(socket, message, length) {
    const writer = socket.writable.getWriter();
    const reader = socket.readable.getReader({ mode: 'byob' });
    writer.write(message);
    const { value } = await reader.read(new Uint8Array(length));
    writer.releaseLock();
    reader.releaseLock();
    return Buffer.from(value).toString();
  }

  async function cycle() {
    const plain = connect(address, { secureTransport: 'starttls' });
    await exchange(plain, 'STARTTLS\\n', 3);
    const secure = plain.startTls({ ca });
    if ((await exchange(secure, 'ping', 4)) !== 'ping') throw new Error('no answer');
    await secure.close();
    await secure.closed;
  }

  function measure() {
    for (let turn = 0; turn < 4; turn++) gc();
    return { rss: process.memoryUsage.rss(), descriptors: readdirSync('/proc/self/fd').length };
  }

  for (let count = 0; count < warmUp; count++) await cycle();
  const before = measure();
  for (let count = 0; count < cycles; count++) await cycle();
  console.log(JSON.stringify({ before, after: measure() }));`;

test(`[G6] ${CYCLES} upgrades leave no memory and no descriptor, and the server sees as many clean ends`, {
  skip: process.platform !== 'linux',
  timeout: 600_000,
}, async (t) => {
  const server = await served(t, startTls({}, overTls(identity, echo())));
  const { address } = server;
  const env = { UPGRADES: JSON.stringify({ address, ca: authority.pem, warmUp: WARM_UP, cycles: CYCLES }) };
  // A small young generation: how much of it happens to be in use shows in the memory of the process.
  const flags = ['--expose-gc', '--max-semi-space-size=1'];
  const child = await runNode([...flags, ...inline(program)], { env, timeout: 600_000 });
  assert.deepEqual([child.code, child.stderr], [0, '']);
  const { before, after } = JSON.parse(child.stdout);
  t.diagnostic(
    `grown by ${((after.rss - before.rss) / MIB).toFixed(1)} MiB, descriptors ${JSON.stringify([before, after])}`,
  );
  assert.ok(after.rss - before.rss < 10 * MIB, `grown by ${after.rss - before.rss} bytes`);
  // The last connections may still be on their way out.
  assert.ok(
    after.descriptors <= before.descriptors + 2,
    `${after.descriptors} descriptors after ${before.descriptors}`,
  );
  await Promise.all(server.connections.map(({ closed }) => closed));
  const ends = server.connections.filter(
    (log) => log.closeNotify && log.ending !== 'ECONNRESET' && log.text === 'ping',
  );
  assert.equal(ends.length, WARM_UP + CYCLES);
});
