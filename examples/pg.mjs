// The stock pg package over cloudflare:sockets. Nothing in this file knows of it: the preload does it.
//
//   DATABASE_URL=postgres://user:password@host/database node --import winter-sockets/register examples/pg.mjs
//
// NODE_DEBUG=winter-sockets tells that the route was taken.

import { Client } from 'pg';

const client = new Client(process.env.DATABASE_URL ?? 'postgres://postgres@localhost/postgres');
await client.connect();

const { rows } = await client.query({ text: 'SELECT current_user AS "user", version()' });
console.log(rows[0]);

// Not awaited: the answer is here, and the process ends when the connection has.
client.end();
