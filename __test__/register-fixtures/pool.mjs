// Ten clients of a pool at once, with the options given as JSON.

import pg from 'pg';

const pool = new pg.Pool({ ...JSON.parse(process.argv[2]), max: 10 });
const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
const streams = clients.map(({ connection }) => connection.stream.constructor.name);
const results = await Promise.all(clients.map((client) => client.query('SELECT pg_backend_pid() AS pid')));
for (const client of clients) client.release();
await pool.end();
console.log(
  JSON.stringify({
    streams: [...new Set(streams)],
    backends: new Set(results.map(({ rows }) => rows[0].pid)).size,
  }),
);
