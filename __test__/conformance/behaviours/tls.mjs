import { exchange, outcome, outcomes, PATIENCE, reading } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);

/** A socket that speaks TLS, to the server by its name or, with `by: 'address'`, by its address. */
async function dial({ connect, server }, kind, { by = 'name', ...options } = {}) {
  const peer = await server(kind);
  return { peer, socket: connect(peer[by], { secureTransport: 'on', ...options }) };
}

/** All that fails with a handshake, and whether the server got anything of an early write. */
const refusal = (kind, options) => async (context) => {
  const { socket, peer } = await dial(context, kind, options);
  const reader = socket.readable.getReader();
  const write = socket.writable.getWriter().write(bytes('secret'));
  const { opened, closed } = socket;
  const settled = await outcomes({ opened, closed, read: reader.read(), write });
  return { ...settled, leaked: (await peer.ended()).text.includes('secret') };
};

export default {
  'an echo': async (context) => {
    const { socket, peer } = await dial(context, 'tls');
    const text = await outcome(exchange(socket, 'hello'));
    const { servername, protocol, alpn } = await peer.secured();
    return { text, servername, protocol, alpn, secureTransport: socket.secureTransport, upgraded: socket.upgraded };
  },

  'an echo with TLS 1.2': async (context) => {
    const { socket, peer } = await dial(context, 'tls12');
    return { text: await outcome(exchange(socket, 'hello')), protocol: (await peer.secured()).protocol };
  },

  'the name in SNI': async ({ connect, server }) => {
    const { port, secured } = await server('tls');
    const socket = connect(`LocalHost:${port}`, { secureTransport: 'on' });
    await outcome(socket.opened);
    return (await secured()).servername;
  },

  'an address sends no SNI': async (context) => {
    const { socket, peer } = await dial(context, 'tls', { by: 'address' });
    const opened = await outcome(socket.opened.then(() => 'opened'));
    return { opened, servername: (await peer.secured()).servername };
  },

  'the option alpn': async (context) => {
    const { socket, peer } = await dial(context, 'tlsAlpn', { alpn: ['h2'] });
    const opened = await outcome(socket.opened.then(({ alpn }) => `${alpn}`));
    return { opened, server: (await peer.secured()).alpn };
  },

  'the option sni': async (context) => {
    const { socket, peer } = await dial(context, 'tlsOtherName', { sni: 'db.test' });
    const opened = await outcome(socket.opened.then(() => 'opened'));
    return { opened, server: (await peer.secured()).servername ?? 'no handshake' };
  },

  'a certificate of another name': refusal('tlsOtherName'),
  'a certificate of a name, for an address': refusal('tlsNameOnly', { by: 'address' }),
  'a certificate that nobody trusts': refusal('tlsUntrusted'),
  'a certificate that has expired': refusal('tlsExpired'),
  'a server that speaks no TLS': refusal('greeter'),

  'writing before the handshake': async (context) => {
    const { socket, peer } = await dial(context, 'tls');
    const writer = socket.writable.getWriter();
    const write = await outcome(writer.write(bytes('early')));
    return { write, received: (await peer.received(5)).text };
  },

  'an end with close_notify': async (context) => {
    const { socket } = await dial(context, 'tlsCloser');
    const reader = socket.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    return { reads, closed: await outcome(socket.closed) };
  },

  'an end without close_notify': async (context) => {
    const { socket } = await dial(context, 'tlsTruncator');
    const reader = socket.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    return { reads, closed: await outcome(socket.closed) };
  },

  'an end with close_notify, with allowHalfOpen': async (context) => {
    const { socket, peer } = await dial(context, 'tlsCloser', { allowHalfOpen: true });
    const reader = socket.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    const write = await outcome(socket.writable.getWriter().write(bytes('more')));
    return { reads, write, received: (await peer.received(4)).text, closed: await outcome(socket.closed, PATIENCE) };
  },

  'writer.close() says close_notify': async (context) => {
    const { socket, peer } = await dial(context, 'tlsSink');
    await socket.opened;
    await socket.writable.getWriter().close();
    return (await peer.ended()).closeNotify;
  },

  'close() says close_notify': async (context) => {
    const { socket, peer } = await dial(context, 'tlsSink');
    await socket.opened;
    await peer.secured();
    await socket.close();
    return (await peer.ended()).closeNotify;
  },
};
