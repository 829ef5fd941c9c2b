// Drizzle: one round.

import { asc, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { pgTable, serial, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { play, Undo, unlessUndone, WHERE } from './round.mjs';

const people = pgTable('drizzle_people', { id: serial().primaryKey(), name: text().notNull() });

await play(async (options) => {
  const pool = new pg.Pool(options);
  const db = drizzle({ client: pool });
  await db.execute(sql`CREATE TABLE drizzle_people (id serial PRIMARY KEY, name text NOT NULL)`);

  const values = [{ name: 'Ada' }, { name: 'Grace' }, { name: 'Edsger' }];
  const created = await db.insert(people).values(values).returning({ id: people.id });
  await db.update(people).set({ name: 'Grace H.' }).where(eq(people.name, 'Grace'));
  await db.delete(people).where(eq(people.name, 'Edsger'));
  await db
    .transaction(async (transaction) => {
      await transaction.delete(people);
      throw new Undo();
    })
    .catch(unlessUndone);
  const left = await db.select({ name: people.name }).from(people).orderBy(asc(people.id));
  const { rows } = await db.execute(sql.raw(WHERE));
  await pool.end();
  return { created: created.map(({ id }) => id), left: left.map(({ name }) => name), where: rows[0] };
});
