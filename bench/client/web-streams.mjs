// A connection that is a pair of web streams, used as a program in a hurry would: default readers, writes that are not
// awaited one by one, and back-pressure as the stream tells it.

export class WebStreamConnection {
  #reader;
  #writer;

  constructor({ readable, writable }) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  async receive(length) {
    for (let left = length; left > 0; ) left -= await this.read();
  }

  async read() {
    const { value, done } = await this.#reader.read();
    if (done) throw new Error('the server ended the connection');
    return value.length;
  }

  async send(next, count) {
    for (let sent = 0; sent < count; sent++) {
      if (this.#writer.desiredSize <= 0) await this.#writer.ready;
      this.#writer.write(next());
    }
  }

  async pingPong(message, more) {
    do {
      this.#writer.write(message);
      await this.receive(message.length);
    } while (more());
  }

  /** Lets go of the streams. */
  release() {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }

  /** Ends the writable. */
  end() {
    return this.#writer.close();
  }
}
