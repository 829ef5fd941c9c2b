import { attempt, outcome } from '../observe.mjs';

/** What became of an address: the `remoteAddress` with its port as PORT, a rejection, or what was thrown. */
async function dial({ connect }, address, port) {
  let socket;
  try {
    socket = connect(address);
  } catch (error) {
    return attempt(() => {
      throw error;
    });
  }
  const opened = socket.opened.then(({ remoteAddress }) => remoteAddress.replace(`${port}`, 'PORT'));
  return outcome(opened);
}

/** What became of several addresses, by a description of each. */
const dialAll = (make) => async (context) => {
  const { port } = await context.server('echo');
  const entries = Object.entries(make(port)).map(async ([what, address]) => [what, await dial(context, address, port)]);
  return Object.fromEntries(await Promise.all(entries));
};

const texts = (...templates) =>
  dialAll((port) => Object.fromEntries(templates.map((text) => [text, text.replace('PORT', port)])));

export default {
  'text with a host and a port': texts('127.0.0.1:PORT', 'localhost:PORT', 'LOCALHOST:PORT'),
  'other spellings of an address': texts('127.1:PORT', '0x7f000001:PORT', '127.0.0.1:00PORT'),
  'text without a port': texts('', '127.0.0.1', '127.0.0.1:', '[::1]'),
  'text without a host': texts(':PORT'),
  'an IPv6 address without brackets': texts('::1:PORT'),
  'a port that is none': texts('127.0.0.1:65536', '127.0.0.1:-1', '127.0.0.1:abc', '127.0.0.1:80x', '127.0.0.1:1e3'),
  'port 0': dialAll(() => ({ text: '127.0.0.1:0', record: { hostname: '127.0.0.1', port: 0 } })),
  // Whether somebody listens there is another question.
  'port 25': ({ connect }) => attempt(() => typeof connect('127.0.0.1:25')),
  'a URL': texts(
    'tcp://127.0.0.1:PORT',
    '127.0.0.1:PORT/',
    '127.0.0.1:PORT/path',
    '127.0.0.1:PORT?q',
    'me@127.0.0.1:PORT',
  ),
  'characters that no host has': texts(
    ' 127.0.0.1:PORT',
    '127.0.0.1:PORT ',
    '127.0.0.1:PORT\n',
    '127.0.0.1\0:PORT',
    'exämple.test:PORT',
  ),
  'text of more than 255 characters': dialAll((port) => ({ long: `${'a.'.repeat(130)}test:${port}` })),
  'numbers and booleans': dialAll((port) => ({ number: port, true: true })),
  'no address': dialAll(() => ({ undefined: undefined, null: null, symbol: Symbol('address') })),

  'a record': dialAll((port) => ({
    own: { hostname: '127.0.0.1', port },
    inherited: Object.create({ hostname: '127.0.0.1', port }),
    'port as text': { hostname: '127.0.0.1', port: `${port}` },
    'port with a fraction': { hostname: '127.0.0.1', port: port + 0.9 },
    URL: new URL(`tcp://127.0.0.1:${port}`),
  })),

  'a record without a usable port': dialAll(() => ({
    missing: { hostname: '127.0.0.1' },
    NaN: { hostname: '127.0.0.1', port: Number.NaN },
    text: { hostname: '127.0.0.1', port: 'http' },
    'too large': { hostname: '127.0.0.1', port: 65536 },
    negative: { hostname: '127.0.0.1', port: -1 },
    BigInt: { hostname: '127.0.0.1', port: 5432n },
    'an object without members': {},
    'an array': ['127.0.0.1', 80],
  })),

  'a record with an empty hostname': dialAll((port) => ({ empty: { hostname: '', port } })),
  'a record with characters that no host has': dialAll((port) => ({
    space: { hostname: ' 127.0.0.1', port },
    'not ASCII': { hostname: 'exämple.test', port },
  })),

  'the order in which a record is read': async ({ connect, server }) => {
    const { port } = await server('echo');
    const read = [];
    const record = {
      get port() {
        read.push('port');
        return port;
      },
      get hostname() {
        read.push('hostname');
        return '127.0.0.1';
      },
    };
    return [await outcome(connect(record).opened.then(() => 'opened')), ...read];
  },

  'what a getter of the record throws': ({ connect }) =>
    attempt(() =>
      connect({
        get hostname() {
          throw new RangeError('mine');
        },
        port: 80,
      }),
    ),
};
