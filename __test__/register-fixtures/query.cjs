'use strict';
// pg from a CommonJS module: one query, with the options given as JSON.

const { Client } = require('pg');

async function main() {
  const client = new Client(JSON.parse(process.argv[2]));
  await client.connect();
  const { stream } = client.connection;
  const { rows } = await client.query('SELECT 42 AS product, ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await client.end();
  console.log(JSON.stringify({ stream: stream.constructor.name, ...rows[0] }));
}

main();
