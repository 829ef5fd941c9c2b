// Runs one case in the runtime that runs this program: its name, and where the server is, are its arguments.

import { connect, SocketError } from 'winter-sockets';
import { cases } from './cases.mjs';

const [, , name, server] = process.argv;
await cases[name].run({ connect, SocketError, ...JSON.parse(server) });
console.log('done');
