// Connect, one round trip, close; with TLS each time with a full handshake.

import { Buffer } from 'node:buffer';
import { openEcho } from './opening.mjs';

export const unit = 'connections';
export const variants = [
  { name: 'connect-1', title: 'connect, round trip, close; 1 at once', atOnce: 1, short: false },
  { name: 'connect-32', title: 'connect, round trip, close; 32 at once', atOnce: 32, short: true },
];

/** It is more code than that of a round trip, and takes as much longer to be compiled. */
const MORE_WARM_UP = 5;

export async function run({ connect, size, variant, meter }) {
  const message = Buffer.alloc(64, 'c');
  const atOnce = Math.min(variant.atOnce, size.connections);

  const again = async (stretch) => {
    do {
      const connection = await openEcho(connect, message);
      await connection.close();
    } while (stretch.did(1));
  };
  const work = (stretch) => Promise.all(Array.from({ length: atOnce }, () => again(stretch)));
  return meter.rate(work, { ...size, warmUp: MORE_WARM_UP * size.warmUp });
}
