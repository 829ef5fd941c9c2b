import { attempt, hold, open, order, outcome, outcomes, PATIENCE, readAll, reading } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);

export default {
  'close()': async (context) => {
    const { socket, peer } = await open(context, 'sink');
    const settled = await outcomes({ close: socket.close(), closed: socket.closed });
    return { ...settled, peer: (await peer.ended()).ending };
  },

  'close() twice': async (context) => {
    const { socket } = await open(context, 'sink');
    return outcomes({ first: socket.close(), second: socket.close() });
  },

  'close() with locks held, and its order': async (context) => {
    const { socket, reader, writer } = await hold(context, 'sink');
    return order({ close: socket.close(), reader: reader.closed, writer: writer.closed, closed: socket.closed });
  },

  'close() with writes queued': async (context) => {
    const { socket, peer, writer } = await hold(context, 'sink');
    const write = writer.write(new Uint8Array(2 ** 21));
    const settled = await outcomes({ write, close: socket.close() });
    return { ...settled, received: (await peer.ended()).bytes };
  },

  'close() before the connection is up, with a write queued': async ({ connect, server }) => {
    const peer = await server('sink');
    const socket = connect(peer.address);
    const write = socket.writable.getWriter().write(bytes('early'));
    const opened = socket.opened.then(() => 'opened');
    const settled = await outcomes({ opened, write, close: socket.close(), closed: socket.closed });
    return { ...settled, received: (await peer.ended()).text };
  },

  'close() before the connection is up, with nothing queued': async ({ connect, server }) => {
    const { address } = await server('sink');
    const socket = connect(address);
    return outcomes({ opened: socket.opened.then(() => 'opened'), close: socket.close(), closed: socket.closed });
  },

  'close() while a read is pending': async (context) => {
    const { socket, reader } = await hold(context, 'silent');
    const read = reading(reader.read());
    await socket.close();
    return { read: await read, closed: await outcome(reader.closed) };
  },

  'close() while a BYOB read is pending': async (context) => {
    const { socket } = await open(context, 'silent');
    const read = reading(socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8)));
    await socket.close();
    return read;
  },

  'reads after close()': async (context) => {
    const { socket, reader } = await hold(context, 'silent');
    const close = socket.close();
    const atOnce = await reading(reader.read());
    await close;
    return { atOnce, later: await reading(reader.read()) };
  },

  'writes after close()': async (context) => {
    const { socket, writer } = await hold(context, 'sink');
    const close = socket.close();
    const atOnce = await outcome(writer.write(bytes('x')));
    await close;
    return { atOnce, later: await outcome(writer.write(bytes('x'))), closed: await outcome(writer.closed) };
  },

  'streams taken after close()': async (context) => {
    const { socket } = await open(context, 'sink');
    await socket.close();
    const reader = attempt(() => socket.readable.getReader());
    const writer = attempt(() => socket.writable.getWriter());
    const seen = { getReader: typeof reader, getWriter: typeof writer };
    return { ...seen, read: await reading(reader.read()), write: await outcome(writer.write(bytes('x'))) };
  },

  'close() with data unread': async (context) => {
    const { socket, peer, reader } = await hold(context, 'talker');
    await reader.read();
    const close = await outcome(socket.close());
    return { close, peer: (await peer.ended()).ending };
  },

  'close() with a reason': async (context) => {
    const { socket, reader } = await hold(context, 'silent');
    const read = reading(reader.read());
    const settled = await outcomes({ close: socket.close('my reason'), closed: socket.closed });
    return { ...settled, read: await read };
  },

  'close() during a handshake that is not answered': async ({ connect, server }) => {
    const { address } = await server('silent');
    const socket = connect(address, { secureTransport: 'on' });
    return outcomes({ close: socket.close(), closed: socket.closed }, PATIENCE);
  },

  'close() while the readable is piped': async (context) => {
    const { socket } = await open(context, 'greeter');
    const pipe = socket.readable.pipeTo(new WritableStream());
    await socket.close();
    return outcome(pipe);
  },

  'the end of the peer, read': async (context) => {
    const { socket, peer, reader, writer } = await hold(context, 'closer');
    const text = await readAll(reader);
    const settled = await outcomes({ closed: socket.closed, writer: writer.closed });
    const write = await outcome(writer.write(bytes('x')));
    return { text, ...settled, write, peer: (await peer.ended()).ending };
  },

  'the end of the peer, read, with writes queued': async (context) => {
    const { reader, writer, peer } = await hold(context, 'closer');
    const write = writer.write(new Uint8Array(2 ** 21));
    await readAll(reader);
    return { write: await outcome(write), received: (await peer.ended()).bytes };
  },

  'the end of the peer, with nobody reading': async (context) => {
    const { socket, peer } = await open(context, 'closer');
    return { closed: await outcome(socket.closed, PATIENCE), peer: await peer.ending() };
  },

  'the end of the peer, with allowHalfOpen': async (context) => {
    const { socket, peer, reader, writer } = await hold(context, 'closer', { allowHalfOpen: true });
    await readAll(reader);
    const closed = await outcome(socket.closed, PATIENCE);
    const write = await outcome(writer.write(bytes('more')));
    return { closed, write, received: (await peer.received(4)).text };
  },

  'the end of both sides, with allowHalfOpen': async (context) => {
    const { socket, reader, writer } = await hold(context, 'closer', { allowHalfOpen: true });
    await readAll(reader);
    await writer.close();
    return outcome(socket.closed, PATIENCE);
  },

  'the end of both sides, ours first': async (context) => {
    const { socket, reader, writer } = await hold(context, 'sink');
    await writer.close();
    await readAll(reader);
    return outcome(socket.closed, PATIENCE);
  },

  'the end of both sides, and then close()': async (context) => {
    const { socket, reader } = await hold(context, 'closer', { allowHalfOpen: true });
    await readAll(reader);
    return outcomes({ close: socket.close(), closed: socket.closed });
  },

  'cancel() and abort()': async (context) => {
    const { socket, reader, writer } = await hold(context, 'sink');
    await Promise.all([reader.cancel(), writer.abort('my reason')]);
    return outcome(socket.closed, PATIENCE);
  },
};
