// pg from an ES module: one query, with the options given as JSON.

import pg from 'pg';

const client = new pg.Client(JSON.parse(process.argv[2]));
await client.connect();
const { stream } = client.connection;
const { rows } = await client.query({
  text: 'SELECT 6 * $1::int AS product, ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  values: [7],
});
await client.end();
console.log(JSON.stringify({ stream: stream.constructor.name, ...rows[0] }));
