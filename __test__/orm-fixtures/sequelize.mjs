// Sequelize: one round.

import { DataTypes, Sequelize } from 'sequelize';
import { play, Undo, unlessUndone, WHERE } from './round.mjs';

await play(async ({ user, password, database, host, port, ssl }) => {
  const options = { dialect: 'postgres', host, port, dialectOptions: { ssl }, logging: false };
  const db = new Sequelize(database, user, password, options);
  const Person = db.define('sequelize_person', { name: DataTypes.TEXT }, { timestamps: false });
  await db.sync();

  const created = await Person.bulkCreate([{ name: 'Ada' }, { name: 'Grace' }, { name: 'Edsger' }]);
  await Person.update({ name: 'Grace H.' }, { where: { name: 'Grace' } });
  await Person.destroy({ where: { name: 'Edsger' } });
  await db
    .transaction(async (transaction) => {
      await Person.destroy({ where: {}, transaction });
      throw new Undo();
    })
    .catch(unlessUndone);
  const left = await Person.findAll({ order: ['id'] });
  const [[where]] = await db.query(WHERE);
  await db.close();
  return { created: created.map(({ id }) => id), left: left.map(({ name }) => name), where };
});
