// One measurement, in a process of its own: the job comes as JSON in the first argument, the measurement leaves as JSON
// on standard output. Any program that does the same can stand in for it, to measure what does not run on Node.
//
// The job: `{ scenario, implementation, host, ports, server, size }`, `scenario` being a name of the catalogue, `ports`
// what the server printed, `server` its process, `size` an entry of sizes.mjs.
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

import { findScenario } from '../catalogue.mjs';

const { scenario: name, implementation, host, ports, server, size } = JSON.parse(process.argv[2]);
const { run, variant, secureTransport, port } = findScenario(name);
const { connect } = await import(new URL(`../implementations/${implementation}.mjs`, import.meta.url));

const measurement = await run({
  connect: () => connect({ host, port: ports[port], secureTransport }),
  secure: secureTransport === 'on',
  variant,
  size,
  server,
});
// Connections that are open still are the operating system's to close.
process.stdout.write(JSON.stringify(measurement), () => process.exit());
