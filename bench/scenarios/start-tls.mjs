// Connect, agree on TLS in plain bytes, upgrade, one round trip, close.

import { Buffer } from 'node:buffer';
import { tlsRequest } from '../client/requests.mjs';
import { openEcho } from './opening.mjs';

export const unit = 'upgrades';
export const variants = [
  { name: 'start-tls-1', title: 'startTls, 1 at once', atOnce: 1, short: false },
  { name: 'start-tls-32', title: 'startTls, 32 at once', atOnce: 32, short: true },
];

export async function run({ connect, size, variant, meter }) {
  const message = Buffer.alloc(64, 's');
  const atOnce = Math.min(variant.atOnce, size.connections);

  const upgrade = async () => {
    const plain = await connect();
    await plain.send(() => tlsRequest, 1);
    await plain.receive(1);
    return plain.startTls();
  };
  const again = async (stretch) => {
    do {
      const connection = await openEcho(upgrade, message);
      await connection.close();
    } while (stretch.did(1));
  };
  const work = (stretch) => Promise.all(Array.from({ length: atOnce }, () => again(stretch)));
  return meter.rate(work, size);
}
