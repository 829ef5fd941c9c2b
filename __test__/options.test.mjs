import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { defaultSettings } from '../lib/host-settings.js';
import { parseConnectArguments } from '../lib/options.js';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';

const parse = (options, address = 'host.test:80') => parseConnectArguments(address, options, defaultSettings);

function refuses(options, code, message, address) {
  assert.throws(() => parse(options, address), { name: 'TypeError', constructor: TypeError, code, message });
}

test('no options mean the defaults', () => {
  const defaults = {
    host: 'host.test',
    port: 80,
    text: 'host.test:80',
    secureTransport: 'off',
    allowHalfOpen: false,
    highWaterMark: 65536,
    signal: null,
    lookup: null,
    ownLookup: false,
    tls: null,
    hostSettings: defaultSettings(),
  };
  for (const options of [undefined, {}, [], () => {}, { unknown: 5, timeout: 5 }]) {
    assert.deepEqual(parse(options), defaults);
  }
});

test('options of another type are refused', () => {
  for (const options of [null, 'on', 5, true, Symbol('x')]) refuses(options, TYPE, /"options" must be an object/);
});

describe('secureTransport', () => {
  const accepted = [
    [undefined, 'off'],
    ['off', 'off'],
    ['on', 'on'],
    ['starttls', 'starttls'],
    ['use', 'on'],
    [{ toString: () => 'off' }, 'off'],
  ];
  for (const [value, expected] of accepted) {
    test(`${JSON.stringify(value)} means ${expected}`, () => {
      assert.equal(parse({ secureTransport: value }).secureTransport, expected);
    });
  }

  for (const value of ['ON', 'StartTls', ' on', '', null, 1, true]) {
    test(`${JSON.stringify(value)} is refused`, () => {
      refuses({ secureTransport: value }, VALUE, /"options\.secureTransport" must be "off", "on" or "starttls"/);
    });
  }

  test('a symbol is refused', () => refuses({ secureTransport: Symbol('on') }, TYPE, /secureTransport/));
});

describe('allowHalfOpen', () => {
  for (const value of [true, 'false', 1, {}]) {
    test(`${JSON.stringify(value)} is true`, () => assert.equal(parse({ allowHalfOpen: value }).allowHalfOpen, true));
  }
  for (const value of [false, 0, null, '', undefined]) {
    test(`${JSON.stringify(value)} is false`, () => assert.equal(parse({ allowHalfOpen: value }).allowHalfOpen, false));
  }
});

describe('highWaterMark', () => {
  const accepted = [
    [undefined, 65536],
    [5, 5],
    [0, 0],
    [10n, 10],
    [1.9, 1],
    [-0.9, 0],
    ['7', 7],
    [null, 0],
  ];
  for (const [value, expected] of accepted) {
    test(`${typeof value} ${value} means ${expected} bytes`, () => {
      assert.ok(Object.is(parse({ highWaterMark: value }).highWaterMark, expected));
    });
  }

  for (const value of [-1, -1n, Number.NaN, Number.POSITIVE_INFINITY, 'abc', {}, 2 ** 53]) {
    test(`${typeof value} ${value} is refused`, () => refuses({ highWaterMark: value }, VALUE, /highWaterMark/));
  }

  test('a symbol is refused', () => refuses({ highWaterMark: Symbol('x') }, TYPE, /highWaterMark/));
});

describe('signal and lookup', () => {
  test('are handed on', () => {
    const { signal } = new AbortController();
    const lookup = () => {};
    assert.equal(parse({ signal }).signal, signal);
    assert.equal(parse({ lookup }).lookup, lookup);
    assert.equal(parse({ signal: null, lookup: null }).signal, null);
  });

  test('a signal of another realm or a polyfill will do', () => {
    const signal = { aborted: false, addEventListener() {} };
    assert.equal(parse({ signal }).signal, signal);
  });

  for (const signal of [{}, 5, 'abort', { aborted: true }, new EventTarget()]) {
    test(`${JSON.stringify(signal)} is no signal`, () => refuses({ signal }, TYPE, /"options\.signal"/));
  }
  for (const lookup of [{}, 5, 'dns']) {
    test(`${JSON.stringify(lookup)} is no lookup`, () => refuses({ lookup }, TYPE, /"options\.lookup"/));
  }
});

describe('TLS settings', () => {
  test('are null with "off"', () => {
    assert.equal(parse({ tls: { ca: [] }, sni: 'db.test', alpn: ['h2'] }).tls, null);
  });

  for (const secureTransport of ['on', 'starttls']) {
    test(`are parsed with "${secureTransport}"`, () => {
      const { tls } = parse({ secureTransport, tls: { rejectUnauthorized: false, alpn: ['h2'] } });
      assert.equal(tls.serverName, 'host.test');
      assert.equal(tls.sni, true);
      assert.equal(tls.rejectUnauthorized, false);
      assert.deepEqual(tls.alpn, [Buffer.from('h2')]);
    });
  }

  test('sni and alpn may stand beside tls', () => {
    const { tls } = parse({ secureTransport: 'on', sni: 'db.test', alpn: ['h2', 'http/1.1'] });
    assert.equal(tls.serverName, 'db.test');
    assert.deepEqual(tls.alpn.map(String), ['h2', 'http/1.1']);
  });

  test('sni and alpn that disagree with tls are refused', () => {
    refuses({ secureTransport: 'on', sni: 'a.test', tls: { servername: 'b.test' } }, VALUE, /"options\.sni" disagrees/);
    refuses({ secureTransport: 'on', alpn: ['h2'], tls: { alpn: ['x'] } }, VALUE, /"options\.alpn" disagrees/);
  });

  for (const secureTransport of ['off', 'on', 'starttls']) {
    test(`are checked with "${secureTransport}"`, () => {
      refuses({ secureTransport, alpn: 'not a list' }, TYPE, /"options\.alpn"/);
      refuses({ secureTransport, sni: 5 }, TYPE, /"options\.sni"/);
      refuses({ secureTransport, tls: 'yes' }, TYPE, /"options\.tls" must be an object/);
      refuses({ secureTransport, tls: { ca: 'no PEM' } }, VALUE, /"options\.tls\.ca"/);
    });
  }

  test('a host that cannot be a server name is refused with "on" alone', () => {
    refuses({ secureTransport: 'on' }, VALUE, /cannot be the name of a TLS server: "127\.1"/, '127.1:80');
    assert.equal(parse({ secureTransport: 'on', sni: 'db.test' }, '127.1:80').tls.serverName, 'db.test');
    assert.equal(parse({ secureTransport: 'starttls' }, '127.1:80').tls.serverName, null);
    assert.equal(parse({ secureTransport: 'off' }, '127.1:80').host, '127.1');
  });
});

describe('order of checks', () => {
  test('members are read in order, each once', () => {
    const reads = [];
    const options = new Proxy(
      {},
      {
        get(_, name) {
          reads.push(name);
        },
      },
    );
    parse(options);
    assert.deepEqual(reads, [
      'secureTransport',
      'allowHalfOpen',
      'highWaterMark',
      'sni',
      'alpn',
      'signal',
      'tls',
      'lookup',
    ]);
  });

  const failing = {
    get secureTransport() {
      throw new RangeError('read');
    },
  };
  const cases = [
    ['the address record is read before the options', { hostname: 'host' }, failing, /address\.port/],
    ['options are read before the address is judged', 'no port', failing, /^read$/],
    ['options are converted before the address is judged', 'no port', { highWaterMark: -1 }, /highWaterMark/],
    ['the address is judged before secureTransport', 'port:', { secureTransport: 'bad' }, /has no port/],
    ['so is that of a record', { hostname: 'a b', port: 1 }, { secureTransport: 'bad' }, /unsupported character/],
    ['secureTransport is judged before the rest', 'host:1', { secureTransport: 'bad', signal: 5 }, /secureTransport/],
  ];
  for (const [name, address, options, message] of cases) {
    test(name, () => assert.throws(() => parse(options, address), { message }));
  }
});
