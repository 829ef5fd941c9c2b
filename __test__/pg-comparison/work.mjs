// What the scenarios are made of.

import { readFileSync } from 'node:fs';

const ESTABLISHED = '01';

/** Connects and ends; resolves to what `work(client)` gives, or to the code of the failure, or its message without one. */
export async function withClient(pg, options, work = () => 'connected') {
  const client = new pg.Client(options);
  // Told by the promises as well.
  client.on('error', () => {});
  try {
    await client.connect();
    const result = await work(client);
    await client.end();
    return result;
  } catch (error) {
    // Not awaited: whether it resolves is a scenario of its own.
    client.end();
    return error.code ?? error.message;
  }
}

/** What `work(pool)` gives. */
export async function withPool(pg, options, work) {
  const pool = new pg.Pool(options);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** Ends the backends with this process number, as an administrator would. */
export function terminate(pg, options, pid) {
  return withClient(pg, options, (client) => client.query('SELECT pg_terminate_backend($1)', [pid]));
}

/** Resolves when a statement with this text runs in the server. */
export function untilActive(pg, options, text) {
  const sql = "SELECT FROM pg_stat_activity WHERE query = $1 AND state = 'active'";
  return withClient(pg, options, async (client) => {
    while ((await client.query(sql, [text])).rowCount === 0);
  });
}

/** The kernel's timer of the client's connection to this port: 2 means that it probes an idle peer (Linux). */
export async function timerOf(client, remotePort) {
  const { rows } = await client.query('SELECT inet_client_port() AS port');
  const isAt = (address, port) => Number.parseInt(address?.split(':')[1], 16) === port;
  const lines = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/self/net/${table}`, 'utf8').split('\n'));
  const [, , , , , timer] = lines
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote, state]) => isAt(local, rows[0].port) && isAt(remote, remotePort) && state === ESTABLISHED);
  return Number(timer.split(':')[0]);
}
