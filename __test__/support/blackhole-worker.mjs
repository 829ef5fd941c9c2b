// Listens and then stops its event loop, so that nothing is ever accepted. Woken to leave.

import { createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const server = createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData, 0, 0);
  process.exit();
});
