// The most memory the process has had, with one side sending all it can and the other reading slowly.

import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { Stretch } from '../client/meter.mjs';
import { download, readSlowly } from '../client/requests.mjs';

const CHUNK = 64 * 1024;
const PACE = 5;

const scenes = { client: readingSlowly, server: writingToSlow };

export const unit = 'bytes at the peak';
export const variants = [
  { name: 'slow-client', title: 'peak memory, the client reads slowly', slow: 'client', short: false },
  { name: 'slow-server', title: 'peak memory, the server reads slowly', slow: 'server', short: true },
];

export async function run({ connect, size, variant, meter }) {
  await scenes[variant.slow](await connect(), size);
  return { amount: await meter.peakMemory() };
}

async function readingSlowly(connection, size) {
  await connection.send(() => download(size.slow.offered), 1);
  const stretch = new Stretch(size.slow.seconds);
  do {
    await connection.read();
    await delay(PACE);
  } while (stretch.did(1));
}

async function writingToSlow(connection, size) {
  await connection.send(() => readSlowly(CHUNK, PACE), 1);
  // New memory each time, and touched: a chunk that is sent again and again would queue at no cost.
  const sent = connection.send(() => Buffer.alloc(CHUNK, 'w'), size.slow.offered / CHUNK);
  // Who respects the server's pace is not done by then.
  await Promise.race([sent, delay(size.slow.seconds * 1000)]);
}
