// One measurement, in a process of its own: the job comes as JSON in the first argument, the measurement leaves as JSON
// on standard output. Any program that does the same can stand in for it: native/ has one, and workerd.mjs another.
//
// The job:
//
// - `scenario`, `variant`: a file of scenarios/ and what it takes
// - `collects`: whether it calls the garbage collector, for which some runtimes want a flag
// - `secureTransport`: "off", "on" or "starttls"
// - `module`: a file of implementations/
// - `host`, `port`, `server`: where the server listens, and its process
// - `database`: what pg needs to reach PostgreSQL, where a scenario asks for it
// - `size`: an entry of sizes.mjs
// - `started`: when this process was started, in milliseconds since 1970
//
// An implementation exports `connect({ host, port, secureTransport })`, with `secureTransport` as `connect()` of
// cloudflare:sockets has it. The connection it resolves to has
//
// - `send(next, count)`: writes so many chunks, each from `next()`, as fast as the connection says it takes them
// - `receive(length)`: reads so many bytes; there are never more than are asked for
// - `read()`: reads one chunk and not more, resolves to its length
// - `pingPong(message, more)`: sends the message and reads as many bytes, again and again while `more()` is true
// - `startTls()`: resolves to the secured connection
// - `close()`: resolves when its end is sent

import process from 'node:process';
import { runJob } from './run-job.mjs';
import { snapshotOfThis } from './snapshot.mjs';

const job = JSON.parse(process.argv[2]);
const measurement = await runJob(job, () => snapshotOfThis(job.server));
// Connections that are open still are the operating system's to close.
process.stdout.write(JSON.stringify(measurement), () => process.exit());
