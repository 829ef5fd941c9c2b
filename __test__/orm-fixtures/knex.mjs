// Knex: one round.

import knex from 'knex';
import { play, Undo, unlessUndone, WHERE } from './round.mjs';

await play(async (connection) => {
  const db = knex({ client: 'pg', connection });
  await db.schema.createTable('knex_people', (table) => {
    table.increments('id');
    table.text('name').notNullable();
  });

  const created = await db('knex_people').insert([{ name: 'Ada' }, { name: 'Grace' }, { name: 'Edsger' }], ['id']);
  await db('knex_people').where({ name: 'Grace' }).update({ name: 'Grace H.' });
  await db('knex_people').where({ name: 'Edsger' }).delete();
  await db
    .transaction(async (transaction) => {
      await transaction('knex_people').delete();
      throw new Undo();
    })
    .catch(unlessUndone);
  const left = await db('knex_people').orderBy('id').pluck('name');
  const { rows } = await db.raw(WHERE);
  await db.destroy();
  return { created: created.map(({ id }) => id), left, where: rows[0] };
});
