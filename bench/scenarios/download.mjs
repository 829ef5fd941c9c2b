// One connection, read as fast as it comes.

import { download } from '../client/requests.mjs';

export const unit = 'bytes';
export const variants = [{ name: 'download', title: 'download', short: true }];

/** It takes some collections until the allocator reuses the memory of chunks and the kernel need not clear new pages for them. */
const MORE_WARM_UP = 5;

export async function run({ connect, size, meter }) {
  const connection = await connect();
  const request = download(size.batch);

  const work = async (stretch) => {
    do {
      await connection.send(() => request, 1);
      await connection.receive(size.batch);
    } while (stretch.did(size.batch));
  };
  return meter.rate(work, { ...size, warmUp: MORE_WARM_UP * size.warmUp });
}
