import http from 'node:http';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** An agent for `http.request()` of Node, and for what builds on it: keep-alive and the pool of sockets are the agent's. */
export class Agent extends http.Agent {
  createConnection({ host, port }) {
    return toNodeSocket(connect({ hostname: host, port: Number(port) }));
  }
}
