// One round of the comparison: the same small workload on whichever route pg takes.

import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** What a round measures, by the keys of its result. */
export const workloads = {
  connect: 'connect and close, 10 in turn',
  queries: 'SELECT 1, 300 in turn',
  pool: '200 parallel queries, pool of 10',
  large: '1 MiB there and back, 4 in turn',
};

/** Runs a round; resolves to milliseconds by workload. */
export async function runRound(options) {
  const pool = new pg.Pool({ ...options, max: 10 });
  const client = new pg.Client(options);
  const value = randomBytes(1024 * 1024);
  try {
    await client.connect();
    await fill(pool);
    return {
      connect: await timed(10, () => connectAndClose(options)),
      queries: await timed(300, () => client.query('SELECT 1')),
      pool: await timed(1, () => Promise.all(Array.from({ length: 200 }, () => pool.query('SELECT 1')))),
      large: await timed(4, () => client.query('SELECT $1::bytea', [value])),
    };
  } finally {
    await Promise.all([client.end(), pool.end()]);
  }
}

async function timed(times, action) {
  const start = performance.now();
  for (let turn = 0; turn < times; turn++) await action();
  return performance.now() - start;
}

async function connectAndClose(options) {
  const client = new pg.Client(options);
  await client.connect();
  await client.end();
}

/** Opens all connections of the pool, so that a round times queries alone. */
async function fill(pool) {
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
  for (const client of clients) client.release();
}
