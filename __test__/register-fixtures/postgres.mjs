// postgres.js from an ES module, in both ways to import it: one query, with the options given as JSON.

import { subscribe } from 'node:diagnostics_channel';
import postgres from 'postgres';

let sockets = 0;
subscribe('winter-sockets:open', () => sockets++);
const { default: imported } = await import('postgres');

const sql = postgres(JSON.parse(process.argv[2]));
const [{ product }] = await sql`SELECT 6 * ${7}::int AS product`;
await sql.end();
console.log(JSON.stringify({ product, same: imported === postgres, ours: sockets > 0 }));
