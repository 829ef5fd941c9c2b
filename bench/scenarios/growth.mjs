// How time and memory grow with the number of connections, in one process that opens ever more of them. Each step says
// what they cost while nothing happens, and then what a round trip takes on all of them at the same time.

import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { openEchoes } from './opening.mjs';

export const unit = 'growth';
export const collects = true;
export const variants = [{ name: 'growth', title: 'growth', short: false }];

export async function run({ connect, size, secure, meter }) {
  const { seconds, plain, tls } = size.growth;
  const message = Buffer.alloc(64, 'g');
  const connections = [];
  const points = [];
  for (const count of secure ? tls : plain) {
    connections.push(...(await openEchoes(connect, message, count - connections.length)));
    const memory = await meter.memory();
    // What the opening and the collection have left to do is not what idle connections cost.
    await delay(size.growth.settle * 1000);
    const idle = await meter.took(() => delay(seconds * 1000));
    const work = (stretch) => Promise.all(connections.map((each) => each.pingPong(message, () => stretch.did(1))));
    const busy = await meter.rate(work, { warmUp: seconds / 4, seconds });
    points.push({
      connections: count,
      memory,
      roundTrip: busy.seconds / busy.amount,
      idleCpu: idle.cpu === null ? null : idle.cpu / idle.seconds,
    });
  }
  return { points };
}
