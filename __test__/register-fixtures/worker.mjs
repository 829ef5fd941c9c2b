// Runs the program named by the argument in a worker thread, which prints for itself.

import { Worker } from 'node:worker_threads';

const [, , program, ...argv] = process.argv;
new Worker(new URL(program, import.meta.url), { argv });
