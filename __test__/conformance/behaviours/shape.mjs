import { attempt, open, outcome } from '../observe.mjs';

const getters = ['readable', 'writable', 'opened', 'closed', 'upgraded', 'secureTransport'];
const methods = ['close', 'startTls'];

/** A behaviour of one open socket. */
const ofSocket = (look) => async (context) => {
  const { socket } = await open(context, 'echo');
  return look(socket);
};

export default {
  'connect()': ({ connect }) => ({ name: connect.name, length: connect.length }),

  'the members': ofSocket((socket) => {
    const describe = (name) => {
      const found = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(socket), name);
      const kind = found.get ? `getter${found.set ? ' and setter' : ''}` : `method of length ${found.value.length}`;
      return `${kind}${found.enumerable ? ', enumerable' : ''}${found.configurable ? ', configurable' : ''}`;
    };
    return Object.fromEntries([...getters, ...methods].map((name) => [name, describe(name)]));
  }),

  'enumerable names': ofSocket((socket) => {
    const found = [];
    for (const name in socket) found.push(name);
    return found.sort();
  }),

  'own properties': ofSocket((socket) => ({
    names: Object.getOwnPropertyNames(socket),
    json: JSON.stringify(socket),
  })),

  'await using': ofSocket((socket) => typeof socket[Symbol.asyncDispose]),

  'the class': ofSocket((socket) => {
    const Socket = socket.constructor;
    return {
      name: Socket.name,
      tag: Object.prototype.toString.call(socket),
      new: attempt(() => new Socket()),
      call: attempt(() => Socket()),
      global: typeof globalThis.Socket,
    };
  }),

  'the same value each time': ofSocket((socket) => {
    const [first, second] = [1, 2].map(() => getters.map((name) => socket[name]));
    return getters.filter((_, index) => first[index] === second[index]);
  }),

  'the promise of close()': ofSocket((socket) => {
    const first = socket.close();
    return { isClosed: first === socket.closed, isTheSameAgain: first === socket.close() };
  }),

  'the wrong this': ofSocket((socket) => {
    const prototype = Object.getPrototypeOf(socket);
    const call = (name) => {
      const { get, value } = Object.getOwnPropertyDescriptor(prototype, name);
      return attempt(() => (get ?? value).call({}));
    };
    return Object.fromEntries([...getters, ...methods].map((name) => [name, call(name)]));
  }),

  'assignment in strict code': ofSocket((socket) => ({
    getter: attempt(() => {
      socket.readable = null;
    }),
    other: attempt(() => {
      socket.mine = 1;
      return socket.mine;
    }),
  })),

  'the streams': ofSocket(({ readable, writable }) => ({
    readable: readable instanceof ReadableStream,
    writable: writable instanceof WritableStream,
    locked: [readable.locked, writable.locked],
  })),

  'structuredClone()': ofSocket((socket) => attempt(() => JSON.stringify(structuredClone(socket)))),

  'secureTransport and upgraded': async (context) => {
    const { socket } = await open(context, 'echo', { secureTransport: 'starttls' });
    await outcome(socket.opened);
    return { secureTransport: socket.secureTransport, upgraded: socket.upgraded };
  },
};
