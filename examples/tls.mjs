// TLS from the first byte: asks an HTTPS server for its headers, and tells what was agreed with it.
//
//   node examples/tls.mjs [host] [port]
//
// For a server with a certificate of your own authority: NODE_EXTRA_CA_CERTS=ca.pem node examples/tls.mjs

import { connect } from 'winter-sockets';

const [hostname = 'localhost', port = '443'] = process.argv.slice(2);

const socket = connect({ hostname, port: Number(port) }, { secureTransport: 'on', alpn: ['http/1.1'] });

// Resolves once the certificate is verified; rejects, with a code that says why, when it is not.
const { remoteAddress, tlsVersion, cipher, alpn } = await socket.opened;
console.log(`${remoteAddress}: ${tlsVersion}, ${cipher}, ${alpn ?? 'no protocol agreed'}`);

const writer = socket.writable.getWriter();
await writer.write(`HEAD / HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);

for await (const text of socket.readable.pipeThrough(new TextDecoderStream())) process.stdout.write(text);
await socket.close();
