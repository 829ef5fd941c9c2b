// A chat on an IRC server: prints what is said in a channel, and says there what comes from the standard input.
//
//   node examples/irc.mjs irc://nickname@host[:port]/channel
//   echo hello | node examples/irc.mjs ircs://nickname@host[:port]/channel
//
// ircs: is TLS from the first byte. For a server with a certificate of your own authority:
// NODE_EXTRA_CA_CERTS=ca.pem node examples/irc.mjs ...

import { createInterface } from 'node:readline';
import { connect } from 'winter-sockets';

const { protocol, hostname, port, username: nick, pathname } = new URL(process.argv[2]);
const channel = `#${decodeURIComponent(pathname.slice(1))}`;
const secure = protocol === 'ircs:';

const socket = connect(
  { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 6697 : 6667)) },
  { secureTransport: secure ? 'on' : 'off' },
);
const writer = socket.writable.getWriter();
const send = (line) => writer.write(`${line}\r\n`);

await send(`NICK ${nick}`);
await send(`USER ${nick} 0 * :${nick}`);

for await (const line of lines(socket.readable)) {
  const { source, command, parameters } = parse(line);
  if (command === 'PING') await send(`PONG :${parameters.at(-1)}`);
  // Welcome: from here on there are channels.
  else if (command === '001') await send(`JOIN ${channel}`);
  else if (command === 'JOIN' && source === nick) speak();
  else if (command === 'JOIN') console.log(`* ${source} is here`);
  else if (command === 'QUIT' || command === 'PART') console.log(`* ${source} has left`);
  else if (command === 'PRIVMSG') console.log(`<${source}> ${parameters[1]}`);
  // The replies from 400 on are errors, that of a second nickname too.
  else if (/^[45]\d\d$/.test(command)) throw new Error(`The server says: ${parameters.slice(1).join(' ')}`);
}
// The server has ended the connection, and so has the socket.

/** Says line by line what comes in; leaves at its end. */
async function speak() {
  console.log(`* ${nick} is in ${channel}`);
  for await (const text of createInterface({ input: process.stdin })) await send(`PRIVMSG ${channel} :${text}`);
  // The server answers by closing the connection.
  await send('QUIT :bye');
}

/** `:nick!user@host COMMAND parameter :the rest, with spaces` */
function parse(line) {
  const [, prefix = '', command, rest] = line.match(/^(?::(\S+) )?(\S+) ?(.*)$/);
  const [middle, trailing] = ` ${rest}`.split(/ :(.*)/);
  const parameters = middle.split(' ').filter((parameter) => parameter !== '');
  if (trailing !== undefined) parameters.push(trailing);
  return { source: prefix.split('!')[0], command, parameters };
}

async function* lines(readable) {
  let pending = '';
  for await (const text of readable.pipeThrough(new TextDecoderStream())) {
    const complete = (pending + text).split(/\r?\n/);
    pending = complete.pop();
    yield* complete;
  }
}
