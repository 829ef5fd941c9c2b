// ORMs over pg over this package: each creates, reads, updates, deletes and rolls back, unmodified.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createAuthority } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { runNode } from './support/process.mjs';

let server;
let admin;
let ways;

before(async () => {
  const authority = await createAuthority();
  server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
  const { host, port, user, password, database } = server;
  const plaintext = { host, port, user, password, database };
  ways = { plaintext, TLS: { ...plaintext, ssl: { ca: authority.pem } } };
  admin = new pg.Client(plaintext);
  await admin.connect();
});

beforeEach(() => admin.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

after(async () => {
  await admin?.end();
  await server?.stop();
});

for (const orm of ['kysely', 'drizzle', 'knex', 'sequelize']) {
  for (const way of ['plaintext', 'TLS']) {
    test(`${orm}, ${way}`, async () => {
      const program = fileURLToPath(new URL(`./orm-fixtures/${orm}.mjs`, import.meta.url));
      const args = ['--import', 'winter-sockets/register', program, JSON.stringify(ways[way])];
      const { stdout, stderr, code, timedOut } = await runNode(args);
      assert.deepEqual({ code, timedOut }, { code: 0, timedOut: false }, stderr);
      assert.deepEqual(JSON.parse(stdout), {
        created: [1, 2, 3],
        left: ['Ada', 'Grace H.'],
        tls: way === 'TLS',
        native: true,
      });
    });
  }
}
