'use strict';
// postgres.js from a CommonJS module: one query, with the options given as JSON.

const { subscribe } = require('node:diagnostics_channel');
const postgres = require('postgres');

let sockets = 0;
subscribe('winter-sockets:open', () => sockets++);

async function main() {
  const { default: imported } = await import('postgres');
  const sql = postgres(JSON.parse(process.argv[2]));
  const [{ product }] = await sql`SELECT 6 * ${7}::int AS product`;
  await sql.end();
  console.log(JSON.stringify({ product, same: imported === postgres, ours: sockets > 0 }));
}

main();
