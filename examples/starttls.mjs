// Opportunistic TLS: a conversation with a mail server that begins in plaintext and goes on in TLS.
//
//   node examples/starttls.mjs [host] [port]
//
// For a server with a certificate of your own authority: NODE_EXTRA_CA_CERTS=ca.pem node examples/starttls.mjs

import { connect } from 'winter-sockets';

const [hostname = 'localhost', port = '587'] = process.argv.slice(2);

const socket = connect({ hostname, port: Number(port) }, { secureTransport: 'starttls' });
const plaintext = open(socket);
await plaintext.expect(220);
await plaintext.ask('EHLO client.example', 250);
await plaintext.ask('STARTTLS', 220);
plaintext.release();

const secureSocket = socket.startTls();
const { tlsVersion, cipher } = await secureSocket.opened;
console.log(`-- ${tlsVersion}, ${cipher}`);

// What was said before TLS does not count: anybody on the way could have said it.
const secure = open(secureSocket);
await secure.ask('EHLO client.example', 250);
await secure.ask('QUIT', 221);
await secureSocket.close();

/** The lines of SMTP over a socket. */
function open({ readable, writable }) {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const decoder = new TextDecoder();

  async function expect(code) {
    let reply = '';
    // The last line of a reply has a space behind its code.
    while (!/(^|\n)\d{3} [^\n]*\n$/.test(reply)) {
      const { done, value } = await reader.read();
      if (done) throw new Error('the server hung up');
      reply += decoder.decode(value, { stream: true });
    }
    console.log(reply.trimEnd().replaceAll(/^/gm, '< '));
    if (!reply.startsWith(String(code))) throw new Error(`expected ${code}`);
  }

  return {
    expect,
    async ask(command, code) {
      console.log(`> ${command}`);
      await writer.write(`${command}\r\n`);
      await expect(code);
    },
    release() {
      reader.releaseLock();
      writer.releaseLock();
    },
  };
}
