// The preload as the first import of a program.

import 'winter-sockets/register';
import { createRequire } from 'node:module';
import pg from 'pg';

const require = createRequire(import.meta.url);
const { connect } = await import('cloudflare:sockets');
const { stream } = new pg.Client().connection;
console.log(
  JSON.stringify({
    connect: connect === require('winter-sockets').connect && connect === require('cloudflare:sockets').connect,
    stream: stream.constructor.name,
  }),
);
