// The main job, on the stock pg. Nothing in this file knows which route pg takes.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';

const MEBIBYTE = 1024 * 1024;
const cities = [
  ['Reykjavík', 64.15],
  ['Tromsø', 69.65],
  ['Yakutsk', 62.03],
  ['Ushuaia', -54.8],
];

/** Table, rows and a query with parameters: enough to see that a connection works. */
export async function runShortJob(options) {
  return report(options, async (client, step) => {
    await useTable(client, step);
  });
}

/** The short job, then a large value, a notification and a pool under load. */
export async function runJob(options) {
  return report(options, async (client, step, connections) => {
    await useTable(client, step);
    await step('1 MiB there and back', () => returnLargeValue(client));
    await step('LISTEN and NOTIFY', async () => {
      const notifier = await connectClient(options);
      try {
        connections.push(await connectionOf(notifier));
        return await notify(client, notifier);
      } finally {
        await notifier.end();
      }
    });
    await step('200 parallel queries on a pool of 10', () => usePool(options, connections));
  });
}

async function report(options, run) {
  const steps = [];
  const connections = [];
  const step = async (what, action) => {
    const start = performance.now();
    const result = await action();
    steps.push({ what, took: performance.now() - start, ...result });
  };

  let client;
  await step('connect', async () => {
    client = await connectClient(options);
  });
  try {
    connections.push(await connectionOf(client));
    await run(client, step, connections);
  } finally {
    await client.end();
  }
  return { steps, connections };
}

async function connectClient(options) {
  const client = new pg.Client(options);
  await client.connect();
  return client;
}

async function useTable(client, step) {
  await step('create a table', async () => {
    await client.query('DROP TABLE IF EXISTS city');
    await client.query('CREATE TABLE city (name text PRIMARY KEY, latitude float8 NOT NULL, photo bytea)');
  });
  await step(`insert ${cities.length} rows`, async () => {
    for (const city of cities) await client.query('INSERT INTO city (name, latitude) VALUES ($1, $2)', city);
  });
  await step('query with parameters', async () => {
    const sql = 'SELECT name, latitude FROM city WHERE latitude BETWEEN $1 AND $2 ORDER BY latitude DESC';
    const { rows } = await client.query(sql, [60, 90]);
    expect(rows.length === 3 && rows[0].name === 'Tromsø', `other rows than those inserted: ${JSON.stringify(rows)}`);
    return { rows };
  });
}

async function returnLargeValue(client) {
  const photo = randomBytes(MEBIBYTE);
  await client.query('UPDATE city SET photo = $1 WHERE name = $2', [photo, 'Tromsø']);
  const { rows } = await client.query('SELECT photo FROM city WHERE name = $1', ['Tromsø']);
  expect(photo.equals(rows[0].photo), 'the value came back changed');
  return { detail: `SHA-256 ${createHash('sha256').update(rows[0].photo).digest('hex').slice(0, 16)}… on both ends` };
}

async function notify(listener, notifier) {
  await listener.query('LISTEN weather');
  const heard = once(listener, 'notification');
  await notifier.query('SELECT pg_notify($1, $2)', ['weather', 'snow']);
  const [{ channel, payload }] = await heard;
  expect(payload === 'snow', `another notification than the one sent: ${payload}`);
  return { detail: `"${payload}" on channel ${channel}` };
}

async function usePool(options, connections) {
  const pool = new pg.Pool({ ...options, max: 10 });
  try {
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    const results = await Promise.all(numbers.map((n) => pool.query('SELECT $1::int * 2 AS twice', [n])));
    expect(
      results.every(({ rows }, n) => rows[0].twice === 2 * n),
      'an answer went to the wrong query',
    );

    const clients = await Promise.all(Array.from({ length: pool.totalCount }, () => pool.connect()));
    for (const client of clients) connections.push(await connectionOf(client));
    for (const client of clients) client.release();
    return { detail: `every answer at its query, ${clients.length} connections` };
  } finally {
    await pool.end();
  }
}

/** How the server sees a connection. The client's port ties that to what the client's side says of it. */
async function connectionOf(client) {
  const { rows } = await client.query(`
    SELECT host(inet_client_addr()) AS address, inet_client_port() AS port, ssl AS tls, version, cipher
    FROM pg_stat_ssl WHERE pid = pg_backend_pid()
  `);
  return rows[0];
}

function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}
