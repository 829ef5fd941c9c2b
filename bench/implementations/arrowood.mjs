// @arrowood.dev/socket: the API of cloudflare:sockets over Node's own adapter. It has no `opened`, so that a connection
// is known to be up when it has been read from; and its `startTls()` checks no certificate.

import { connect as open } from '@arrowood.dev/socket';
import { WebStreamConnection } from '../client/web-streams.mjs';

export async function connect({ host, port, secureTransport }) {
  return new Connection(open({ hostname: host, port }, { secureTransport }));
}

class Connection extends WebStreamConnection {
  #socket;

  constructor(socket) {
    super(socket);
    this.#socket = socket;
  }

  async startTls() {
    this.release();
    return new Connection(this.#socket.startTls());
  }

  close() {
    return this.#socket.close();
  }
}
