import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import { convertAddress, validateAddress } from '../lib/address.js';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';

const parse = (address) => validateAddress(convertAddress(address));
const label = (value) => (typeof value === 'symbol' ? 'a symbol' : JSON.stringify(value)) ?? String(value);

function refuses(address, code, message = /./) {
  assert.throws(() => parse(address), { name: 'TypeError', constructor: TypeError, code, message });
}

describe('[B7] text', () => {
  const accepted = [
    ['127.0.0.1:5432', '127.0.0.1', 5432],
    ['localhost:80', 'localhost', 80],
    ['LOCALHOST:443', 'LOCALHOST', 443],
    ['[::1]:5432', '::1', 5432],
    ['[::ffff:127.0.0.1]:1', '::ffff:127.0.0.1', 1],
    ['host:0', 'host', 0],
    ['host:65535', 'host', 65535],
    ['127.0.0.1:0080', '127.0.0.1', 80],
    ['localhost.:80', 'localhost.', 80],
    ['no_such-name.test:80', 'no_such-name.test', 80],
    ['127.1:80', '127.1', 80],
    ['0x7f000001:80', '0x7f000001', 80],
    [`${'a'.repeat(252)}:80`, 'a'.repeat(252), 80],
  ];
  for (const [text, host, port] of accepted) {
    test(`${text.slice(0, 40)} is taken`, () => assert.deepEqual(parse(text), { host, port, text }));
  }

  const refused = [
    ['', /is empty/],
    ['127.0.0.1', /has no port/],
    ['127.0.0.1:', /has no port/],
    ['[::1]', /has no port/],
    ['[::1]:', /has no port/],
    [':80', /has no host/],
    ['[]:80', /malformed host/],
    ['[host]:80', /malformed host/],
    ['[::1:80', /malformed host/],
    ['::1]:80', /malformed host/],
    ['x[::1]:80', /malformed host/],
    ['::1:80', /malformed host/],
    ['host:80:80', /malformed host/],
    ['host:65536', /port of 0 to 65535/],
    ['host:-1', /port of 0 to 65535/],
    ['host:abc', /port of 0 to 65535/],
    ['host:80x', /port of 0 to 65535/],
    ['tcp://host:80', /unsupported character "\/"/],
    ['host:80/', /unsupported character "\/"/],
    ['host:80?q', /unsupported character "\?"/],
    ['host:80#f', /unsupported character "#"/],
    ['host:80 ', /unsupported character " "/],
    [' host:80', /unsupported character " "/],
    ['lo cal:80', /unsupported character " "/],
    ['host:80\n', /unsupported character "\\n"/],
    ['ho\0st:80', /unsupported character "\\u0000"/],
    ['exämple.test:80', /unsupported character "ä"/],
    ['%6cocalhost:80', /unsupported character "%"/],
    ['user@host:80', /unsupported character "@"/],
    ['undefined:/tmp/.s.PGSQL.5432', /unsupported character "\/"/],
    [`${'a'.repeat(253)}:80`, /longer than 255/],
  ];
  for (const [text, message] of refused) {
    test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => refuses(text, VALUE, message));
  }

  test('a URL with a password, passed by mistake, is not repeated', () => {
    assert.throws(
      () => parse('postgres://user:hunter2@host:5432'),
      (error) => !error.message.includes('hunter2'),
    );
  });

  test('numbers and booleans are turned into text first', () => {
    for (const address of [5432, true, 5n]) refuses(address, VALUE, /has no port/);
  });
});

describe('[B7] record', () => {
  const accepted = [
    [{ hostname: '127.0.0.1', port: 5432 }, '127.0.0.1', 5432, '127.0.0.1:5432'],
    [{ hostname: 'Host.Test', port: '5432' }, 'Host.Test', 5432, 'Host.Test:5432'],
    [{ hostname: 'host', port: 5432.9 }, 'host', 5432, 'host:5432'],
    [{ hostname: 'host', port: 0 }, 'host', 0, 'host:0'],
    [{ hostname: 'host', port: -0.5 }, 'host', 0, 'host:0'],
    [{ hostname: '[::1]', port: 80 }, '::1', 80, '[::1]:80'],
    [{ hostname: '::1', port: 80 }, '::1', 80, '[::1]:80'],
    [{ hostname: 2130706433, port: 80 }, '2130706433', 80, '2130706433:80'],
    [Object.create({ hostname: 'inherited', port: 80 }), 'inherited', 80, 'inherited:80'],
    [Object.assign(() => {}, { hostname: 'function', port: 80 }), 'function', 80, 'function:80'],
    [new URL('tcp://127.0.0.1:5432'), '127.0.0.1', 5432, '127.0.0.1:5432'],
    [new URL('tcp://[::1]:5432'), '::1', 5432, '[::1]:5432'],
  ];
  for (const [record, host, port, text] of accepted) {
    test(`${text} is taken`, () => assert.deepEqual(parse(record), { host, port, text }));
  }

  const refused = [
    [undefined, TYPE, /"address"/],
    [null, TYPE, /"address"/],
    [Symbol('x'), TYPE, /"address"/],
    [{}, TYPE, /hostname/],
    [[], TYPE, /hostname/],
    [['127.0.0.1:1'], TYPE, /hostname/],
    [Object.assign([], { port: 1 }), TYPE, /hostname/],
    [{ port: 80 }, TYPE, /hostname/],
    [{ hostname: null, port: 80 }, TYPE, /hostname/],
    [{ hostname: Symbol('x'), port: 80 }, TYPE, /hostname/],
    [{ hostname: '', port: 80 }, VALUE, /hostname" is empty/],
    [{ hostname: ' host', port: 80 }, VALUE, /unsupported character/],
    [{ hostname: 'exämple.test', port: 80 }, VALUE, /unsupported character/],
    [{ hostname: '127.0.0.1:80', port: 80 }, VALUE, /malformed host/],
    [{ hostname: '[host]', port: 80 }, VALUE, /malformed host/],
    [{ hostname: 'a'.repeat(253), port: 80 }, VALUE, /longer than 255/],
    [{ hostname: 'host' }, TYPE, /port/],
    [{ hostname: 'host', port: null }, TYPE, /port/],
    [{ hostname: 'host', port: true }, TYPE, /port/],
    [{ hostname: 'host', port: 5432n }, TYPE, /port/],
    [{ hostname: 'host', port: Number.NaN }, VALUE, /port/],
    [{ hostname: 'host', port: Number.POSITIVE_INFINITY }, VALUE, /port/],
    [{ hostname: 'host', port: 65536 }, VALUE, /port/],
    [{ hostname: 'host', port: -1 }, VALUE, /port/],
    [{ hostname: 'host', port: '80x' }, VALUE, /port/],
    [new URL('tcp://host'), VALUE, /port/],
  ];
  for (const [record, code, message] of refused) {
    const shown = typeof record?.port === 'bigint' ? 'a BigInt port' : label(record).slice(0, 60);
    test(`${shown} is refused`, () => refuses(record, code, message));
  }

  test('each member is read once, hostname first', () => {
    const reads = [];
    const record = {
      get hostname() {
        reads.push('hostname');
        return 'host';
      },
      get port() {
        reads.push('port');
        return 80;
      },
    };
    assert.deepEqual(parse(record), { host: 'host', port: 80, text: 'host:80' });
    assert.deepEqual(reads, ['hostname', 'port']);
  });

  test('what a getter throws passes through unchanged', () => {
    const thrown = new RangeError('mine');
    const record = {
      get hostname() {
        throw thrown;
      },
    };
    assert.throws(
      () => parse(record),
      (error) => error === thrown,
    );
  });
});

describe('properties', () => {
  const names = fc
    .stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,60}$/)
    .map((name) => ({ hostname: name, host: name, text: name }));
  const ipv6 = fc
    .tuple(fc.ipV6(), fc.boolean())
    .map(([host, bare]) => ({ hostname: bare ? host : `[${host}]`, host, text: `[${host}]` }));
  const hosts = fc.oneof(
    names,
    ipv6,
    fc.ipV4().map((ip) => ({ hostname: ip, host: ip, text: ip })),
  );
  const ports = fc.integer({ min: 0, max: 65535 });

  test('text and record of one host and port mean the same, and the text parses to itself', () => {
    fc.assert(
      fc.property(hosts, ports, ({ hostname, host, text }, port) => {
        const expected = { host, port, text: `${text}:${port}` };
        assert.deepEqual(parse({ hostname, port }), expected);
        assert.deepEqual(parse({ hostname, port: String(port) }), expected);
        assert.deepEqual(parse(expected.text), expected);
      }),
    );
  });

  test('any text gives a usable host and port or a TypeError with a code', () => {
    const anyText = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('a', '1', ':', '[', ']', '.', '-', '0', ' ') }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        let parsed;
        try {
          parsed = parse(text);
        } catch (error) {
          assert.equal(error.constructor, TypeError);
          assert.equal(error.code, VALUE);
          return;
        }
        assert.equal(parsed.text, text);
        assert.ok(Number.isInteger(parsed.port) && parsed.port >= 0 && parsed.port <= 65535);
        assert.ok(isIPv6(parsed.host) || /^[\w.-]+$/.test(parsed.host));
      }),
      { numRuns: 1000 },
    );
  });
});
