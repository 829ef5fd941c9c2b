// What the rounds of all ORMs have in common.

import { subscribe } from 'node:diagnostics_channel';

/** Where the server sees the connection come from, and whether over TLS. */
export const WHERE = `
  SELECT client_port AS port, ssl AS tls FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE pid = pg_backend_pid()
`;

/**
 * Runs `round(options)` with the options given to the process, and prints what it returns. Its `where` is the row of WHERE;
 * what becomes of it is whether the package knows that very connection.
 */
export async function play(round) {
  const opened = new Map();
  subscribe('winter-sockets:open', ({ info: { localAddress, tlsVersion } }) => {
    opened.set(Number(localAddress.slice(localAddress.lastIndexOf(':') + 1)), tlsVersion !== null);
  });
  const { where, ...result } = await round(JSON.parse(process.argv[2]));
  console.log(JSON.stringify({ ...result, tls: where.tls, native: opened.get(where.port) === where.tls }));
}

/** Thrown in a transaction to have it rolled back. */
export class Undo extends Error {}

export function unlessUndone(error) {
  if (!(error instanceof Undo)) throw error;
}
