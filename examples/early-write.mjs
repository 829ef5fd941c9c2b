// Writes before there is a connection: the bytes wait for TCP and TLS and leave with the first opportunity, in order.
//
//   node examples/early-write.mjs [host] [port]
//
// The server, on port 6380 unless told otherwise, is a Redis that speaks TLS. With a certificate of your own authority:
// NODE_EXTRA_CA_CERTS=ca.pem node examples/early-write.mjs

import { connect } from 'winter-sockets';

const [hostname = 'localhost', port = '6380'] = process.argv.slice(2);
const start = performance.now();
const log = (what) => console.log(`${(performance.now() - start).toFixed(1).padStart(6)} ms  ${what}`);

const socket = connect({ hostname, port: Number(port) }, { secureTransport: 'on' });
const writer = socket.writable.getWriter();

// Nothing is awaited: three commands are on their way before the first packet is.
const writes = ['PING\r\n', 'ECHO early\r\n', 'QUIT\r\n'].map((command) => writer.write(command));
log('written');

socket.opened.then(() => log('handshake done'));
Promise.all(writes).then(() => log('sent'));

for await (const text of socket.readable.pipeThrough(new TextDecoderStream())) log(`received ${JSON.stringify(text)}`);
await socket.close();
