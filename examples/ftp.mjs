// Lists, retrieves and stores files of an FTP server.
//
//   node examples/ftp.mjs ftp://[user:password@]host[:port]/folder/         lists it
//   node examples/ftp.mjs ftp://host/file                                   writes it to the standard output
//   node examples/ftp.mjs ftp://host/file --store < local-file              stores what comes from the standard input
//
// With ftps: the connection goes over to TLS before the password is sent (AUTH TLS), and so does every file. For a server
// with a certificate of your own authority: NODE_EXTRA_CA_CERTS=ca.pem node examples/ftp.mjs ...

import { Readable, Writable } from 'node:stream';
import { connect } from 'winter-sockets';

class Ftp {
  #hostname;
  #secure;
  #socket;
  #writer;
  #reader;
  #received = '';

  constructor(hostname, port, secure) {
    this.#hostname = hostname;
    this.#secure = secure;
    this.#use(connect({ hostname, port }, { secureTransport: secure ? 'starttls' : 'off' }));
  }

  #use(socket) {
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#reader = socket.readable.getReader();
  }

  async login(user, password) {
    await this.#reply(220);
    if (this.#secure) await this.#startTls();
    const reply = await this.#ask(`USER ${user}`, 230, 331);
    if (reply.startsWith('331')) await this.#ask(`PASS ${password}`, 230);
    await this.#ask('TYPE I', 200);
  }

  async #startTls() {
    await this.#ask('AUTH TLS', 234);
    this.#writer.releaseLock();
    this.#reader.releaseLock();
    // What came along with the answer was sent by anybody.
    if (this.#received !== '') throw new Error('The server spoke before TLS was agreed on');
    this.#use(this.#socket.startTls());
    await this.#socket.opened;
    await this.#ask('PBSZ 0', 200);
    await this.#ask('PROT P', 200);
  }

  /** Sends what the server says of a folder to a WritableStream. */
  async list(path, target) {
    const data = await this.#transfer(path === '' ? 'LIST' : `LIST ${path}`);
    await data.readable.pipeTo(target);
    await this.#reply(226);
  }

  /** Sends a file of the server to a WritableStream. */
  async retrieve(path, target) {
    const data = await this.#transfer(`RETR ${path}`);
    await data.readable.pipeTo(target);
    await this.#reply(226);
  }

  /** Stores a ReadableStream as a file of the server. */
  async store(path, source) {
    const data = await this.#transfer(`STOR ${path}`);
    // The end of the connection is the end of the file.
    await source.pipeTo(data.writable);
    await data.close();
    await this.#reply(226);
  }

  async quit() {
    await this.#ask('QUIT', 221);
    // All is said. Some servers just hang up then, which over TLS is a failure.
    await this.#socket.close().catch(() => {});
  }

  /** The connection for one file: to a port that the server names, at the host that we know. */
  async #transfer(command) {
    const [, port] = (await this.#ask('EPSV', 229)).match(/\(\|\|\|(\d+)\|\)/);
    const address = { hostname: this.#hostname, port: Number(port) };
    const data = connect(address, { secureTransport: this.#secure ? 'on' : 'off' });
    try {
      await this.#ask(command, 125, 150);
    } catch (error) {
      await data.close(error);
      throw error;
    }
    return data;
  }

  async #ask(command, ...codes) {
    // A path with a line in it would be a command of its own.
    if (/[\r\n]/.test(command)) throw new TypeError('A command is one line');
    await this.#writer.write(`${command}\r\n`);
    return this.#reply(...codes);
  }

  /** The next answer, which has one of these codes; of several lines if its code is followed by a dash. */
  async #reply(...codes) {
    const first = await this.#line();
    const code = first.slice(0, 3);
    let last = first;
    while (first[3] === '-' && !last.startsWith(`${code} `)) last = await this.#line();
    if (!codes.includes(Number(code))) throw new Error(`The server says: ${last}`);
    return last;
  }

  async #line() {
    for (;;) {
      const end = this.#received.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 2);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error('The server hung up');
      this.#received += Buffer.from(value).toString('latin1');
    }
  }
}

const [address, option] = process.argv.slice(2);
const { protocol, hostname, port, username, password, pathname } = new URL(address);
const host = hostname.replace(/^\[|\]$/g, '');
// As RFC 1738 has it, from the folder in which one is after the login.
const path = decodeURIComponent(pathname.slice(1));

const ftp = new Ftp(host, Number(port || 21), protocol === 'ftps:');
await ftp.login(decodeURIComponent(username) || 'anonymous', decodeURIComponent(password) || 'anonymous@');
if (option === '--store') await ftp.store(path, Readable.toWeb(process.stdin));
else if (path === '' || path.endsWith('/')) await ftp.list(path, Writable.toWeb(process.stdout));
else await ftp.retrieve(path, Writable.toWeb(process.stdout));
await ftp.quit();
