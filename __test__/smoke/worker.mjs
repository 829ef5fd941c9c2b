// The half of a case that runs in a worker thread.

import { parentPort, workerData } from 'node:worker_threads';
import { connect } from 'winter-sockets';

const socket = connect(workerData);
const writer = socket.writable.getWriter();
await writer.write('hello');
const reader = socket.readable.getReader();
const { value } = await reader.read();
// Sent with the connection open, for the parent that terminates this thread.
parentPort.postMessage(Buffer.from(value).toString());
await socket.close();
