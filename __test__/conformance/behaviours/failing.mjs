import { hold, open, order, outcome, outcomes, PATIENCE, readAll, reading } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);

/** Port 0 is one that nobody can listen on. */
const NOBODY = '127.0.0.1:0';

export default {
  'a connection that is refused': ({ connect }) => {
    const { opened, closed } = connect(NOBODY);
    return outcomes({ opened, closed });
  },

  'a connection that is refused, with TLS': ({ connect }) => {
    const { opened, closed } = connect(NOBODY, { secureTransport: 'on' });
    return outcomes({ opened, closed });
  },

  'a refused connection has one reason': async ({ connect }) => {
    const { opened, closed } = connect(NOBODY);
    const reasons = await Promise.all([opened, closed].map((promise) => promise.catch((error) => error)));
    return reasons[0] === reasons[1];
  },

  'what is pending when a connection is refused': ({ connect }) => {
    const { opened, closed, readable, writable } = connect(NOBODY);
    const reader = readable.getReader();
    const writer = writable.getWriter();
    return outcomes({
      opened,
      closed,
      read: reader.read(),
      write: writer.write(bytes('x')),
      writer: writer.closed,
    });
  },

  'the order in which that settles': ({ connect }) => {
    const { opened, closed, readable, writable } = connect(NOBODY);
    return order({ read: readable.getReader().read(), write: writable.getWriter().write(bytes('x')), opened, closed });
  },

  'streams taken after a connection is refused': async ({ connect }) => {
    const socket = connect(NOBODY);
    await outcome(socket.closed);
    const write = outcome(socket.writable.getWriter().write(bytes('x')));
    return { read: await reading(socket.readable.getReader().read()), write: await write };
  },

  'close() after a connection is refused': async ({ connect }) => {
    const socket = connect(NOBODY);
    await outcome(socket.opened);
    return outcome(socket.close());
  },

  'close() while a connection is refused': ({ connect }) => {
    const socket = connect(NOBODY);
    return outcomes({ opened: socket.opened, close: socket.close(), closed: socket.closed });
  },

  'a reset that a read meets': async (context) => {
    const { socket, reader, writer } = await hold(context, 'resetter');
    await writer.write(bytes('go'));
    const first = await reading(reader.read());
    return {
      first,
      next: await reading(reader.read()),
      ...(await outcomes({ reader: reader.closed, closed: socket.closed })),
    };
  },

  'a reset that a BYOB read meets': async (context) => {
    const { socket } = await open(context, 'resetter');
    const read = reading(socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8)));
    await socket.writable.getWriter().write(bytes('go'));
    return read;
  },

  'what came before a reset': async (context) => {
    const { reader, writer } = await hold(context, 'speakingResetter');
    const first = reading(reader.read());
    await writer.write(bytes('go'));
    return { first: await first, next: await reading(reader.read()) };
  },

  'writes after a reset that a read met': async (context) => {
    const { socket, reader, writer } = await hold(context, 'resetter');
    await writer.write(bytes('go'));
    await reading(reader.read());
    const write = await outcome(writer.write(bytes('x')));
    return { write, ...(await outcomes({ writer: writer.closed, close: socket.close() })) };
  },

  'a reset that a waiting write meets': async (context) => {
    const { socket, reader, writer } = await hold(context, 'resetter');
    const write = outcome(writer.write(new Uint8Array(32 * 1024 * 1024)));
    const settled = { write: await write, closed: await outcome(socket.closed) };
    return { ...settled, next: await outcome(writer.write(bytes('x'))), read: await reading(reader.read()) };
  },

  'a reset that nobody meets': async (context) => {
    const { socket, peer } = await open(context, 'resetter');
    await socket.writable.getWriter().write(bytes('go'));
    await peer.received(2);
    return outcome(socket.closed, PATIENCE);
  },

  'a reset while the readable is read by Response': async (context) => {
    const { socket } = await open(context, 'resetter');
    const text = outcome(new Response(socket.readable).text());
    await socket.writable.getWriter().write(bytes('go'));
    return text;
  },

  'reading on after our own end': async (context) => {
    const { reader, writer, peer } = await hold(context, 'halfOpen');
    await writer.close();
    return { answer: await readAll(reader), peer: (await peer.ended()).ending };
  },
};
