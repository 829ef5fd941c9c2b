// A pool of pg under load, run over node:net or over this package by whoever starts it, with the options given as JSON.
//
// Says 'loaded' once the load is in full swing and goes on until it is told to finish; then as many queries more have to be
// answered, the pool is ended, and a report is sent:
// `{ started, settled, answered, failures, idle, stream, descriptors, unhandled }`. `failures` and `idle` are the kinds of errors of
// queries and of clients at rest; `descriptors` how many sockets are open that were not before.

import pg from 'pg';
import { openDescriptors, until } from '../support/process.mjs';

const CLIENTS = 8;
const ENOUGH = 200;

const before = openDescriptors();
const report = { started: 0, settled: 0, answered: 0, failures: {}, idle: {}, unhandled: [] };
const count = (kinds, { code, message }) => {
  const kind = code ?? message;
  kinds[kind] = (kinds[kind] ?? 0) + 1;
};
process.on('unhandledRejection', (reason) => report.unhandled.push(String(reason)));

const pool = new pg.Pool({ ...JSON.parse(process.argv[2]), max: CLIENTS });
pool.on('error', (error) => count(report.idle, error));
pool.on('connect', (client) => {
  report.stream = client.connection.stream.constructor.name;
});

let goal = Number.POSITIVE_INFINITY;
process.once('message', () => {
  goal = report.answered + ENOUGH;
});
// The test that started this has failed and gone.
const leave = () => process.exit(1);
process.once('disconnect', leave);

async function work(index) {
  while (report.answered < goal) {
    report.started++;
    try {
      const { rows } = await pool.query('SELECT $1::int AS index, pg_sleep(0.001)', [index]);
      if (rows[0].index !== index) throw new Error('the answer to another query');
      if (++report.answered === ENOUGH) process.send('loaded');
    } catch (error) {
      count(report.failures, error);
    }
    report.settled++;
  }
}

// More queries than clients, so that some wait for a client at any time.
await Promise.all(Array.from({ length: 2 * CLIENTS }, (_, index) => work(index)));
await pool.end();
await until(() => openDescriptors() <= before, { what: 'every descriptor is returned' }).catch(() => {});
report.descriptors = openDescriptors() - before;
process.off('disconnect', leave);
process.send(report, () => process.disconnect());
