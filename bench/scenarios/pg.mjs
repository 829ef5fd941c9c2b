// Queries by the stock pg, against a PostgreSQL server of the run's own.

// A connection of PostgreSQL answers one query after the other.
const PARALLEL = 64;
const ROWS = 10_000;

const one = { query: 'SELECT 1 AS one', rows: 1 };
const many = {
  query: `SELECT i AS id, 'name ' || i AS name, now() AS at FROM generate_series(1, ${ROWS}) i`,
  rows: ROWS,
};

export const unit = 'queries';
export const variants = [
  { name: 'pg-simple', title: 'pg, simple queries one after the other', clients: 1, ...one, short: false },
  { name: 'pg-64', title: 'pg, 64 queries at once', clients: PARALLEL, ...one, short: true },
  { name: 'pg-rows', title: 'pg, result of 10,000 rows', clients: 1, ...many, short: true },
];

/** What pg is used with here; the preload routes it, where there is one. */
export const implementations = ['winter-sockets', 'node'];

export async function run({ database, module, secure, size, variant, meter }) {
  const { default: pg } = await import('pg');
  const count = Math.min(variant.clients, size.connections);
  const clients = Array.from({ length: count }, () => new pg.Client({ ...database, ssl: secure }));
  await Promise.all(clients.map((client) => client.connect()));
  const routed = clients[0].connection.stream.constructor.name === 'CloudflareSocket';
  if (routed !== (module === 'winter-sockets')) throw new Error(`pg is ${routed ? '' : 'not '}routed`);

  const again = async (client, stretch) => {
    do {
      const { rows } = await client.query(variant.query);
      if (rows.length !== variant.rows) throw new Error(`${rows.length} rows`);
    } while (stretch.did(1));
  };
  const work = (stretch) => Promise.all(clients.map((client) => again(client, stretch)));
  const measured = await meter.rate(work, size);
  await Promise.all(clients.map((client) => client.end()));
  return measured;
}
