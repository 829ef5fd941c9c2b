// node:net and node:tls with their events, each as it comes.

import { once } from 'node:events';
import { connect as open } from 'node:net';
import { connect as openTls } from 'node:tls';

export async function connect({ host, port, secureTransport }) {
  const secure = secureTransport === 'on';
  const socket = secure ? openTls({ host, port }) : open({ host, port });
  await once(socket, secure ? 'secureConnect' : 'connect');
  return new Connection(socket, host);
}

class Connection {
  #socket;
  #host;
  #take = unexpected;

  constructor(socket, host) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', (chunk) => this.#take(chunk));
  }

  send(next, count) {
    return new Promise((resolve) => {
      let left = count;
      const fill = () => {
        while (left > 0) {
          left--;
          if (!this.#socket.write(next()) && left > 0) return this.#socket.once('drain', fill);
        }
        resolve();
      };
      fill();
    });
  }

  receive(length) {
    return new Promise((resolve) => {
      let left = length;
      this.#take = (chunk) => {
        left -= chunk.length;
        if (left > 0) return;
        this.#take = unexpected;
        resolve();
      };
    });
  }

  read() {
    return new Promise((resolve) => {
      this.#take = (chunk) => {
        this.#socket.pause();
        resolve(chunk.length);
      };
      this.#socket.resume();
    });
  }

  pingPong(message, more) {
    return new Promise((resolve) => {
      let left = message.length;
      this.#take = (chunk) => {
        left -= chunk.length;
        if (left > 0) return;
        if (!more()) {
          this.#take = unexpected;
          return resolve();
        }
        left = message.length;
        this.#socket.write(message);
      };
      this.#socket.write(message);
    });
  }

  async startTls() {
    const secured = openTls({ socket: this.#socket, host: this.#host });
    await once(secured, 'secureConnect');
    return new Connection(secured, this.#host);
  }

  close() {
    return new Promise((resolve) => this.#socket.end(resolve));
  }
}

function unexpected(chunk) {
  throw new Error(`${chunk.length} bytes that nobody asked for`);
}
