// Asks a Gopher server and answers over HTTP with what it says.
//
//   node --import winter-sockets/register examples/gopher.mjs [gopher-host:port]
//   curl http://127.0.0.1:8070/

import { connect } from 'cloudflare:sockets';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const gopher = process.argv[2] ?? 'localhost:70';
const port = Number(process.env.PORT ?? 8070);

async function answer(selector, signal) {
  try {
    const socket = connect(gopher, { signal });
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(`${selector}\r\n`));
    return new Response(socket.readable, { headers: { 'content-type': 'text/plain' } });
  } catch (error) {
    return new Response(`${gopher} did not answer: ${error.message}\n`, { status: 500 });
  }
}

const server = createServer(async (request, response) => {
  // Who asked may leave before the answer is complete; nobody needs the connection then.
  const left = new AbortController();
  response.once('close', () => left.abort());

  const { status, headers, body } = await answer(request.url, left.signal);
  response.writeHead(status, Object.fromEntries(headers));
  // A connection that fails on the way cuts the answer short, which is how HTTP tells of it.
  await pipeline(Readable.fromWeb(body), response).catch((error) => console.error(error.message));
});

server.listen(port, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/ asks ${gopher}`);
});
