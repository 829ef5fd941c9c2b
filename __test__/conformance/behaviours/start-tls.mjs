import { attempt, exchange, open, order, outcome, outcomes, PATIENCE, reading, readyForTls } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);
const named = { expectedServerHostname: 'localhost' };

/** What becomes of an upgrade that cannot succeed: of the old socket, and of all that belongs to the new one. */
const refusal = (kind, options) => async (context) => {
  const { socket, peer } = await readyForTls(context, kind);
  const upgraded = socket.startTls(options);
  const reader = upgraded.readable.getReader();
  const writer = upgraded.writable.getWriter();
  const settled = await outcomes({
    old: socket.closed,
    opened: upgraded.opened,
    closed: upgraded.closed,
    read: reader.read(),
    write: writer.write(bytes('secret')),
  });
  return { ...settled, received: (await peer.ended()).bytes };
};

/** An upgrade while somebody holds a lock of the old socket; `goOn` is what the lock is then still good for. */
const locked = (lock, goOn) => async (context) => {
  const { socket } = await readyForTls(context, 'echo');
  const held = lock(socket);
  const upgraded = attempt(() => socket.startTls(named));
  const settled = await outcomes({ opened: upgraded.opened, closed: upgraded.closed }, PATIENCE);
  return { ...settled, goesOn: await goOn(held) };
};

export default {
  'an upgrade': async (context) => {
    const { socket, peer } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    const before = { transport: [socket.secureTransport, upgraded.secureTransport], upgraded: socket.upgraded };
    const text = await outcome(exchange(upgraded, 'hello'));
    const { servername } = await peer.secured();
    return { ...before, sameClass: upgraded.constructor === socket.constructor, text, servername };
  },

  'upgraded tells of the old socket': async (context) => {
    const { socket } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    await upgraded.opened;
    return [socket.upgraded, upgraded.upgraded];
  },

  'the order of the two sockets': async (context) => {
    const { socket } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    return order({ opened: upgraded.opened, old: socket.closed });
  },

  'the old socket afterwards': async (context) => {
    const { socket } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    await upgraded.opened;
    const close = await outcome(socket.close());
    return {
      locked: [socket.readable.locked, socket.writable.locked],
      getReader: attempt(() => socket.readable.getReader()),
      getWriter: attempt(() => socket.writable.getWriter()),
      ...(await outcomes({ cancel: socket.readable.cancel(), abort: socket.writable.abort() })),
      close,
      text: await outcome(exchange(upgraded, 'still up')),
    };
  },

  'with secureTransport "off"': async (context) => {
    const { socket } = await open(context, 'echo');
    return { startTls: attempt(() => socket.startTls()), text: await outcome(exchange(socket, 'hello')) };
  },

  'of a TLS socket': async (context) => {
    const { socket } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    await upgraded.opened;
    return { startTls: attempt(() => upgraded.startTls()), text: await outcome(exchange(upgraded, 'hello')) };
  },

  twice: async (context) => {
    const { socket } = await readyForTls(context, 'startTls');
    const upgraded = socket.startTls(named);
    const atOnce = attempt(() => socket.startTls(named));
    await upgraded.opened;
    return { atOnce, later: attempt(() => socket.startTls(named)), text: await outcome(exchange(upgraded, 'hello')) };
  },

  'after close()': async (context) => {
    const { socket } = await open(context, 'sink', { secureTransport: 'starttls' });
    await socket.close();
    return attempt(() => socket.startTls());
  },

  'before the connection is up': async ({ connect, server }) => {
    const { address } = await server('tls');
    const upgraded = connect(address, { secureTransport: 'starttls' }).startTls(named);
    return outcome(exchange(upgraded, 'hello'));
  },

  'with plaintext that is not sent yet': async (context) => {
    const { socket, peer } = await open(context, 'startTls', { secureTransport: 'starttls' });
    const writer = socket.writable.getWriter();
    const write = writer.write(bytes('STARTTLS\n'));
    writer.releaseLock();
    const reader = socket.readable.getReader({ mode: 'byob' });
    await reader.read(new Uint8Array(3));
    reader.releaseLock();
    const upgraded = socket.startTls(named);
    const text = await outcome(exchange(upgraded, 'hello'));
    return { write: await outcome(write), text, commands: (await peer.secured()) && (await peer.received(5)).commands };
  },

  'while a writer is held': locked(
    (socket) => socket.writable.getWriter(),
    (writer) => outcome(writer.write(bytes('on'))),
  ),
  'while a reader is held': locked(
    (socket) => socket.readable.getReader(),
    // The rest of the echo.
    (reader) => reading(reader.read()),
  ),

  'to a server of another name': refusal('startTlsOtherName', named),
  'to a server of another name, without a name given': refusal('startTlsOtherName'),
  'with plaintext unread': refusal('startTlsInjected', named),

  'with plaintext read': async (context) => {
    const { socket } = await open(context, 'startTlsInjected', { secureTransport: 'starttls' });
    const answer = await exchange(socket, 'STARTTLS\n', 'OK\nINJECTED\n'.length);
    const upgraded = socket.startTls(named);
    return { answer, text: await outcome(exchange(upgraded, 'hello')) };
  },

  expectedServerHostname: async (context) => {
    const { socket, peer } = await readyForTls(context, 'startTlsOtherName');
    const upgraded = socket.startTls({ expectedServerHostname: 'db.test' });
    return { text: await outcome(exchange(upgraded, 'hello')), servername: (await peer.secured()).servername };
  },

  'options of every type': async (context) => {
    const seen = {};
    for (const [what, options] of Object.entries({ undefined, null: null, object: {}, text: 'x', number: 5 })) {
      const { socket } = await readyForTls(context, 'startTls');
      seen[what] = attempt(() => typeof socket.startTls(options));
    }
    return seen;
  },

  'a server that speaks first': async (context) => {
    const { socket } = await readyForTls(context, 'startTlsGreeter');
    return reading(socket.startTls(named).readable.getReader().read());
  },

  'an end without close_notify': async (context) => {
    const { socket } = await readyForTls(context, 'startTlsTruncator');
    const upgraded = socket.startTls(named);
    const reader = upgraded.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    return { reads, closed: await outcome(upgraded.closed) };
  },

  'allowHalfOpen is carried over': async (context) => {
    const { socket, peer } = await readyForTls(context, 'startTlsCloser', { allowHalfOpen: true });
    const upgraded = socket.startTls(named);
    const reader = upgraded.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    await upgraded.writable.getWriter().write(bytes('more'));
    return { reads, received: (await peer.received(4)).text };
  },

  'of a connection that is refused': async ({ connect }) => {
    const socket = connect('127.0.0.1:0', { secureTransport: 'starttls' });
    await outcome(socket.opened);
    const { opened, closed } = socket.startTls();
    return outcomes({ opened, closed }, PATIENCE);
  },
};
