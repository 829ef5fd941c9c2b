import { hold, open, order, outcome, PATIENCE, readAll } from '../observe.mjs';

export default {
  'what opened resolves with': async (context) => {
    const { socket, peer } = await open(context, 'echo');
    const { remoteAddress } = await socket.opened;
    return { remoteAddress: remoteAddress.replace(`${peer.port}`, 'PORT') };
  },

  'the members of that value': async (context) => {
    const { socket } = await open(context, 'echo');
    const info = await socket.opened;
    return { names: Object.keys(info), localAddress: typeof info.localAddress };
  },

  'writing before the connection is up': async ({ connect, server }) => {
    const peer = await server('echo');
    const socket = connect(peer.address);
    const writer = socket.writable.getWriter();
    const write = writer.write(new TextEncoder().encode('early'));
    const settled = await order({ opened: socket.opened, write });
    return { settled, received: (await peer.received(5)).text };
  },

  'writer.ready before the connection is up': async ({ connect, server }) => {
    const { address } = await server('echo');
    const socket = connect(address);
    return order({ ready: socket.writable.getWriter().ready, opened: socket.opened });
  },

  'writer.close() before the connection is up': async ({ connect, server }) => {
    const peer = await server('halfOpen');
    const socket = connect(peer.address);
    const writer = socket.writable.getWriter();
    writer.write(new TextEncoder().encode('early'));
    const settled = await order({ opened: socket.opened, close: writer.close() });
    const answer = await outcome(readAll(socket.readable.getReader()));
    return { settled, answer, received: (await peer.ended()).text };
  },

  'a read before the connection is up': async ({ connect, server }) => {
    const { address } = await server('greeter');
    const socket = connect(address);
    const read = socket.readable.getReader().read();
    return order({ opened: socket.opened, read });
  },

  'a read while the peer is silent': async (context) => {
    const { reader } = await hold(context, 'silent');
    return outcome(reader.read(), PATIENCE);
  },

  'a TLS handshake that the server does not answer': async ({ connect, server }) => {
    const { address } = await server('silent');
    const socket = connect(address, { secureTransport: 'on' });
    return outcome(socket.opened, PATIENCE);
  },

  'twenty sockets at once': async ({ connect, server }) => {
    const { address } = await server('echo');
    const exchanges = Array.from({ length: 20 }, async (_, index) => {
      const { readable, writable } = connect(address);
      const writer = writable.getWriter();
      writer.write(new TextEncoder().encode(`number ${index}`));
      writer.close();
      return readAll(readable.getReader());
    });
    return (await Promise.all(exchanges)).filter((text, index) => text === `number ${index}`).length;
  },
};
