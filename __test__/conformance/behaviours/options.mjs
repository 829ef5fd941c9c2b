import { attempt, hold, open, readAll, reading } from '../observe.mjs';

/** What `look` finds on a socket made with each of these options, or what was thrown. */
const each =
  (choices, look) =>
  async ({ connect, server }) => {
    const { address } = await server('echo');
    return Object.fromEntries(
      Object.entries(choices).map(([what, options]) => [what, attempt(() => look(connect(address, options)))]),
    );
  };

const transports = (values) =>
  each(
    Object.fromEntries(Object.entries(values).map(([what, secureTransport]) => [what, { secureTransport }])),
    (socket) => socket.secureTransport,
  );

const marks = (values) =>
  each(
    Object.fromEntries(Object.entries(values).map(([what, highWaterMark]) => [what, { highWaterMark }])),
    (socket) => `${socket.writable.getWriter().desiredSize}`,
  );

export default {
  'none, or an object without members': each(
    { undefined: undefined, object: {}, array: [], function: () => {} },
    (socket) => socket.secureTransport,
  ),
  'of another type': each({ null: null, text: 'on', number: 1, true: true }, () => 'taken'),

  secureTransport: transports({
    undefined: undefined,
    off: 'off',
    on: 'on',
    starttls: 'starttls',
    object: { toString: () => 'on' },
  }),
  'secureTransport of other values': transports({
    ON: 'ON',
    space: ' on',
    empty: '',
    null: null,
    1: 1,
    true: true,
    symbol: Symbol('on'),
  }),
  'secureTransport "use"': transports({ use: 'use' }),

  'highWaterMark is where desiredSize starts': marks({ 5: 5, text: '7', BigInt: 10n, fraction: 1.9, null: null, 0: 0 }),
  'highWaterMark of other values': marks({
    negative: -1,
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    text: 'much',
  }),
  'desiredSize without highWaterMark': each({ none: {} }, (socket) => socket.writable.getWriter().desiredSize),

  'allowHalfOpen is a truth value': async (context) => {
    const seen = {};
    for (const allowHalfOpen of ['false', 1, 0, null]) {
      const { reader, peer } = await hold(context, 'closer', { allowHalfOpen });
      await readAll(reader);
      seen[JSON.stringify(allowHalfOpen)] = await peer.ending();
    }
    return seen;
  },

  'unknown members': each({ some: { timeout: 'soon', hints: [] } }, () => 'taken'),
  'sni and alpn that cannot be used': each(
    { sni: { sni: 5 }, alpn: { alpn: 'not a list' }, 'with "off"': { secureTransport: 'off', alpn: [''] } },
    () => 'taken',
  ),

  'the order in which members are read': async ({ connect, server }) => {
    const { address } = await server('echo');
    const read = [];
    const note = (target, name) => {
      read.push(name);
      return target[name];
    };
    connect(address, new Proxy({ secureTransport: 'off' }, { get: note }));
    return read;
  },

  'the order of checks': ({ connect }) => {
    const throwing = {
      get secureTransport() {
        throw new RangeError('mine');
      },
    };
    return {
      'options are read before the address is judged': attempt(() => connect('no port', throwing)),
      'the address record is read before the options': attempt(() => connect({ hostname: 'host.test' }, throwing)),
    };
  },

  'changed after the call': async (context) => {
    const options = { allowHalfOpen: true, secureTransport: 'starttls' };
    const { peer, socket } = await open(context, 'closer', options);
    Object.assign(options, { allowHalfOpen: false, secureTransport: 'off' });
    const reader = socket.readable.getReader();
    const reads = [await reading(reader.read()), await reading(reader.read())];
    return { secureTransport: socket.secureTransport, reads, peer: await peer.ending() };
  },
};
