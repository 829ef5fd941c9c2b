// Bun's own sockets. They have no buffer: what a write did not take is the program's to keep until they drain, and many
// small writes are to be gathered in an ArrayBufferSink, as Bun's documentation says.

const { Bun } = globalThis;
const GATHERED = 64 * 1024;

// One set of handlers for all sockets; `data` is the Connection.
const handlers = {
  open() {},
  data: ({ data: connection }, chunk) => connection.arrived(chunk),
  drain: ({ data: connection }) => connection.drained(),
  handshake: ({ data: connection }, _success, error) => connection.secured(error),
  close() {},
  end: ({ data: connection }) => connection.fail(new Error('the server ended the connection')),
  error: ({ data: connection }, error) => connection.fail(error),
};

export async function connect({ host: hostname, port, secureTransport }) {
  const tls = secureTransport === 'on' && { serverName: hostname };
  const connection = new Connection(hostname);
  const handshake = tls && connection.handshake();
  connection.socket = await Bun.connect({ hostname, port, data: connection, socket: handlers, tls });
  await handshake;
  return connection;
}

class Connection {
  socket = null;
  #hostname;
  #take = unexpected;
  #drain = null;
  #handshake = null;
  #failed = null;

  constructor(hostname) {
    this.#hostname = hostname;
  }

  arrived(chunk) {
    this.#take(chunk);
  }

  drained() {
    this.#drain?.();
  }

  handshake() {
    this.#handshake = Promise.withResolvers();
    return this.#handshake.promise;
  }

  /** It is the program's task to look at what is wrong with the certificate. */
  secured(error) {
    if (error) this.fail(error);
    else this.#handshake.resolve();
  }

  fail(error) {
    this.#handshake?.reject(error);
    this.#failed?.(error);
  }

  async send(next, count) {
    let sink = null;
    let gathered = 0;
    for (let left = count; left > 0; left--) {
      let bytes = next();
      // What is large, or all there is, would only be copied.
      if (sink !== null || (bytes.length < GATHERED && left > 1)) {
        sink ??= gatheringSink();
        gathered += sink.write(bytes);
        if (gathered < GATHERED && left > 1) continue;
        gathered = 0;
        bytes = sink.flush();
      }
      const waiting = this.#write(bytes);
      if (waiting) await waiting;
    }
  }

  /** Returns a promise only where it has to wait. */
  #write(bytes) {
    const written = this.#put(bytes);
    if (written < bytes.length) return this.#writeRest(bytes.subarray(written));
  }

  #put(bytes) {
    const written = this.socket.write(bytes);
    if (written < 0) throw new Error('the connection is closed');
    return written;
  }

  async #writeRest(rest) {
    while (rest.length > 0) {
      await new Promise((resolve, reject) => {
        this.#drain = resolve;
        this.#failed = reject;
      });
      rest = rest.subarray(this.#put(rest));
    }
    this.#drain = null;
  }

  receive(length) {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
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
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      this.#take = (chunk) => {
        this.socket.pause();
        resolve(chunk.length);
      };
      this.socket.resume();
    });
  }

  pingPong(message, more) {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      let left = message.length;
      this.#take = (chunk) => {
        left -= chunk.length;
        if (left > 0) return;
        if (!more()) {
          this.#take = unexpected;
          return resolve();
        }
        left = message.length;
        this.#write(message);
      };
      this.#write(message);
    });
  }

  async startTls() {
    const secured = new Connection(this.#hostname);
    const handshake = secured.handshake();
    const tls = { serverName: this.#hostname };
    [, secured.socket] = this.socket.upgradeTLS({ data: secured, socket: handlers, tls });
    await handshake;
    return secured;
  }

  close() {
    this.#failed = null;
    this.socket.end();
  }
}

function gatheringSink() {
  const sink = new Bun.ArrayBufferSink();
  sink.start({ highWaterMark: GATHERED, stream: true, asUint8Array: true });
  return sink;
}

function unexpected(chunk) {
  throw new Error(`${chunk.length} bytes that nobody asked for`);
}
