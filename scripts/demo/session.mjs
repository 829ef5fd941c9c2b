// A child process in which pg takes one route: node:net as it is, or the addon when started with the preload. It does
// what the parent asks and ends when the parent lets go of it.

import { subscribe } from 'node:diagnostics_channel';
import { upgradeByHand } from './by-hand.mjs';
import { runJob, runShortJob } from './job.mjs';
import { runRound } from './rounds.mjs';

const opened = new Map();
const tasks = { runJob: withRoutes(runJob), runShortJob: withRoutes(runShortJob), runRound, upgradeByHand };

// Published for every socket that opens, and once more when it has been upgraded to TLS.
subscribe('winter-sockets:open', ({ info }) => opened.set(portOf(info.localAddress), info));

process.on('message', async ({ task, options }) => {
  try {
    process.send({ result: await tasks[task](options) });
  } catch (error) {
    process.send({ error: `${task}: ${error.message}` });
  }
});
process.send({ result: 'ready' });

/** Adds to each connection the server saw what the addon says of it; null where the addon knows of none. */
function withRoutes(run) {
  return async (options) => {
    const { steps, connections } = await run(options);
    const routed = connections.map((server) => ({ server, native: describe(opened.get(server.port)) }));
    return { steps, connections: routed };
  };
}

function describe(info) {
  if (info === undefined) return null;
  const { localAddress, peerAddress, tlsVersion, cipher, peerCertificate } = info;
  return { localAddress, peerAddress, tlsVersion, cipher, peerCertificate };
}

function portOf(address) {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
