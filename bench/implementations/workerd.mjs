// workerd's own cloudflare:sockets.

import { connect as open } from 'cloudflare:sockets';
import { WebStreamConnection } from '../client/web-streams.mjs';

export async function connect({ host, port, secureTransport }) {
  const socket = open({ hostname: host, port }, { secureTransport });
  await socket.opened;
  return new Connection(socket);
}

class Connection extends WebStreamConnection {
  #socket;

  constructor(socket) {
    super(socket);
    this.#socket = socket;
  }

  async startTls() {
    this.release();
    const secured = this.#socket.startTls();
    await secured.opened;
    return new Connection(secured);
  }

  close() {
    return this.#socket.close();
  }
}
