// host.js
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import worker from './src/index.js';

// What wrangler.toml binds, from the environment.
const env = {
  TITLE: process.env.TITLE ?? 'Notes',
  DB: { connectionString: process.env.DATABASE_URL },
};
const ctx = {
  waitUntil: (promise) => void promise.catch(console.error),
  passThroughOnException() {},
};

const server = createServer(async (incoming, outgoing) => {
  try {
    const response = await worker.fetch(requestOf(incoming), env, ctx);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body) await pipeline(Readable.fromWeb(response.body), outgoing);
    else outgoing.end();
  } catch (error) {
    console.error(error);
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(500).end();
  }
});

function requestOf(incoming) {
  const { method, url, headers } = incoming;
  const body = method === 'GET' || method === 'HEAD' ? null : Readable.toWeb(incoming);
  return new Request(new URL(url, `http://${headers.host}`), { method, headers, body, duplex: 'half' });
}

server.listen(process.env.PORT ?? 8787, () => console.log(`http://localhost:${server.address().port}`));
