// One connection, written as fast as it takes, in chunks of one size. The server tells when it has them all.

import { Buffer } from 'node:buffer';
import { upload } from '../client/requests.mjs';

const KiB = 1024;
// As many chunks as Duplex.toWeb on Node 20 queues before it asks to wait. A batch of fewer would never meet a full
// queue, which costs it ten times as much per write; one of many more would take it seconds.
const MOST_WRITES = 16 * KiB;

export const unit = 'bytes';
export const variants = [
  { name: 'upload-64k', title: 'upload, 64 KiB writes', chunk: 64 * KiB, short: true },
  { name: 'upload-1k', title: 'upload, 1 KiB writes', chunk: KiB, short: true },
];

export async function run({ connect, size, variant, meter }) {
  const connection = await connect();
  const batch = Math.min(size.batch, MOST_WRITES * variant.chunk);
  const request = upload(batch);
  const chunk = Buffer.alloc(variant.chunk, 'u');

  const work = async (stretch) => {
    do {
      await connection.send(() => request, 1);
      await connection.send(() => chunk, batch / chunk.length);
      await connection.receive(1);
    } while (stretch.did(batch));
  };
  return meter.rate(work, size);
}
