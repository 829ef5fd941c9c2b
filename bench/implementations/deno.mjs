// Deno's own sockets, read into one buffer and written with write(): its streams are made of the same calls, and slower.

const { Deno } = globalThis;
/** The buffer of a connection, until a read fills it, and then. */
const BLOCKS = { small: 4 * 1024, large: 64 * 1024 };

export async function connect({ host: hostname, port, secureTransport }) {
  const plain = await Deno.connect({ hostname, port });
  // Without it the first write after a handshake waits 40 ms for the server's acknowledgement. What Deno.connectTls() opens
  // has no such setting, so that TLS is started here on what can have it.
  plain.setNoDelay();
  return secureTransport === 'on' ? secure(plain, hostname) : new Connection(plain, hostname);
}

async function secure(plain, hostname) {
  const conn = await Deno.startTls(plain, { hostname });
  await conn.handshake();
  return new Connection(conn, hostname);
}

class Connection {
  #conn;
  #hostname;
  #block = null;

  constructor(conn, hostname) {
    this.#conn = conn;
    this.#hostname = hostname;
  }

  async send(next, count) {
    for (let sent = 0; sent < count; sent++) await this.#write(next());
  }

  async #write(bytes) {
    for (let from = 0; from < bytes.length; ) from += await this.#conn.write(bytes.subarray(from));
  }

  async receive(length) {
    for (let left = length; left > 0; ) left -= await this.read();
  }

  async read() {
    this.#block ??= new Uint8Array(BLOCKS.small);
    const length = await this.#conn.read(this.#block);
    if (length === BLOCKS.small) this.#block = new Uint8Array(BLOCKS.large);
    if (length === null) throw new Error('the server ended the connection');
    return length;
  }

  async pingPong(message, more) {
    do {
      await this.#write(message);
      await this.receive(message.length);
    } while (more());
  }

  startTls() {
    return secure(this.#conn, this.#hostname);
  }

  async close() {
    await this.#conn.closeWrite();
    this.#conn.close();
  }
}
