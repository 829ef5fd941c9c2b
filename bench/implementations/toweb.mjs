// The sockets of node:net and node:tls as web streams, by Node's own adapter.

import { once } from 'node:events';
import { connect as open } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as openTls } from 'node:tls';
import { WebStreamConnection } from '../client/web-streams.mjs';

export async function connect({ host, port, secureTransport }) {
  const secure = secureTransport === 'on';
  const socket = secure ? openTls({ host, port }) : open({ host, port });
  await once(socket, secure ? 'secureConnect' : 'connect');
  return new Connection(socket, host);
}

class Connection extends WebStreamConnection {
  #socket;
  #host;

  constructor(socket, host) {
    super(Duplex.toWeb(socket));
    this.#socket = socket;
    this.#host = host;
  }

  async startTls() {
    this.release();
    const secured = openTls({ socket: this.#socket, host: this.#host });
    await once(secured, 'secureConnect');
    return new Connection(secured, this.#host);
  }

  close() {
    return this.end();
  }
}
