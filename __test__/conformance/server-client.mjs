// How a behaviour reaches the servers of servers.mjs, from any runtime that has fetch().

import { PATIENCE } from './observe.mjs';

const LIMIT = 5000;

/** A `server(kind)` for behaviours: starts a server of its own for each call. */
export function serverClient(url) {
  const ask = async (what, question) => {
    const response = await fetch(`${url}/${what}`, { method: 'POST', body: JSON.stringify(question) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };

  return async (kind) => {
    const { port } = await ask('open', { kind });
    const log = (event, { patience = LIMIT, ...more } = {}) => ask('log', { port, event, patience, ...more });
    return {
      port,
      address: `127.0.0.1:${port}`,
      name: `localhost:${port}`,
      /** What the server knows once it has received so many bytes. */
      received: (bytes) => log('any', { bytes }),
      /** What the server knows after the end of the client's side. */
      ended: () => log('ended'),
      /** How the client's side ended, or 'nothing' if it did not. */
      ending: async () => (await log('ended', { patience: PATIENCE })).ending ?? 'nothing',
      /** What the server knows of the handshake. */
      secured: async () => (await log('secured')).tls,
    };
  };
}
