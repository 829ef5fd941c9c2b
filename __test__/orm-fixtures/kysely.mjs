// Kysely: one round.

import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { play, Undo, unlessUndone, WHERE } from './round.mjs';

await play(async (options) => {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool(options) }) });
  await db.schema
    .createTable('kysely_people')
    .addColumn('id', 'serial', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .execute();
  const people = () => db.selectFrom('kysely_people').select('name').orderBy('id').execute();

  const values = [{ name: 'Ada' }, { name: 'Grace' }, { name: 'Edsger' }];
  const created = await db.insertInto('kysely_people').values(values).returning('id').execute();
  await db.updateTable('kysely_people').set({ name: 'Grace H.' }).where('name', '=', 'Grace').execute();
  await db.deleteFrom('kysely_people').where('name', '=', 'Edsger').execute();
  await db
    .transaction()
    .execute(async (transaction) => {
      await transaction.deleteFrom('kysely_people').execute();
      throw new Undo();
    })
    .catch(unlessUndone);
  const left = await people();
  const { rows } = await sql.raw(WHERE).execute(db);
  await db.destroy();
  return { created: created.map(({ id }) => id), left: left.map(({ name }) => name), where: rows[0] };
});
