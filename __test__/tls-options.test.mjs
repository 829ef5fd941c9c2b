import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';

import { tlsOptionTable } from '../lib/tls-option-table.js';
import { digestTlsSettings, parseTlsOptions } from '../lib/tls-options.js';
import { createAuthority, selfSigned } from './support/certs.mjs';
import { inline, runNode } from './support/process.mjs';

const TYPE = 'ERR_INVALID_ARG_TYPE';
const VALUE = 'ERR_INVALID_ARG_VALUE';

const parse = (options, context) => parseTlsOptions(options, { hostname: 'host.test', ...context });

function refuses(options, code, message, context) {
  assert.throws(() => parse(options, context), { name: 'TypeError', constructor: TypeError, code, message });
}

let authority;
let client;
let other;
before(async () => {
  authority = await createAuthority('Root');
  const intermediate = await authority.intermediate('Intermediate');
  client = await intermediate.issue({ names: ['client.test'], usage: 'client' });
  other = await authority.issue({ names: ['other.test'], usage: 'client' });
});

test('no options mean the defaults', () => {
  const defaults = {
    serverName: 'host.test',
    sni: true,
    alpn: [],
    ca: null,
    cert: null,
    key: null,
    rejectUnauthorized: true,
    checkServerIdentity: null,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    keyLogFile: null,
  };
  const nothing = Object.fromEntries(Object.keys(tlsOptionTable).map((name) => [name, undefined]));
  const nulls = Object.fromEntries(Object.keys(tlsOptionTable).map((name) => [name, null]));
  for (const options of [undefined, null, {}, () => {}, nothing, nulls]) assert.deepEqual(parse(options), defaults);
});

test('options of another type are refused', () => {
  for (const options of ['yes', 5, true, Symbol('x')]) refuses(options, TYPE, /"options" must be an object/);
});

test('errors name the option as a member of the given field', () => {
  refuses({ rejectUnauthorized: 0 }, TYPE, /"options\.tls\.rejectUnauthorized"/, { field: 'options.tls' });
});

describe('server name', () => {
  const cases = [
    ['the hostname', {}, 'host.test', true],
    ['expectedServerHostname', { expectedServerHostname: 'db.test' }, 'db.test', true],
    ['servername', { servername: 'db.test' }, 'db.test', true],
    ['sni', { sni: 'db.test' }, 'db.test', true],
    [
      'the first of several',
      { expectedServerHostname: 'DB.test', servername: 'db.TEST', sni: 'db.test.' },
      'DB.test',
      true,
    ],
    ['undefined and null are not given', { servername: undefined, sni: null }, 'host.test', true],
    ['an empty servername sends no SNI', { servername: '' }, 'host.test', false],
    ['an empty sni sends no SNI', { sni: '' }, 'host.test', false],
    ['another name without SNI', { expectedServerHostname: 'db.test', servername: '' }, 'db.test', false],
    ['a final dot goes', { servername: 'db.test.' }, 'db.test', true],
    ['an underscore', { servername: '_db.test' }, '_db.test', true],
    // Of addresses TLS has no SNI anyway.
    ['IPv4', { servername: '127.0.0.1' }, '127.0.0.1', true],
    ['IPv6', { servername: '::1' }, '::1', true],
    ['IPv6 in brackets', { servername: '[::1]' }, '::1', true],
    ['IPv6 with a zone', { servername: 'fe80::1%eth0' }, 'fe80::1', true],
    [
      'a name that is only verified, where SNI was silenced before',
      { expectedServerHostname: 'db.test' },
      'db.test',
      false,
      { servername: '' },
    ],
  ];
  for (const [name, options, serverName, sni, before] of cases) {
    test(name, () => {
      const settings = parse(options, before && { defaults: parse(before) });
      assert.deepEqual([settings.serverName, settings.sni], [serverName, sni]);
    });
  }

  test('without any name it is null', () => {
    assert.equal(parse({}, { hostname: null }).serverName, null);
    assert.equal(parseTlsOptions().serverName, null);
  });

  const disagreeing = [
    { servername: 'a.test', sni: 'b.test' },
    { expectedServerHostname: 'a.test', servername: 'b.test' },
    { servername: '', sni: 'b.test' },
  ];
  for (const options of disagreeing) {
    test(`${JSON.stringify(options)} is refused`, () => refuses(options, VALUE, /disagrees with "options\.\w+"/));
  }

  const long = `${'a'.repeat(63)}.`.repeat(4);
  const unusable = ['a b', 'exämple.test', '-a', 'a-', 'a..b', '.a', 'a/b', '*.a', '127.1', '0x7f', `b${long}`, '..'];
  for (const servername of [...unusable, 'a'.repeat(64)]) {
    test(`${servername.slice(0, 20)} is refused`, () => {
      refuses({ servername }, VALUE, /"options\.servername" cannot be the name of a TLS server/);
    });
  }

  test('an unusable hostname is refused, unless another name is given', () => {
    refuses({}, VALUE, /"hostname" cannot be/, { hostname: '127.1' });
    assert.equal(parse({ servername: 'db.test' }, { hostname: '127.1' }).serverName, 'db.test');
  });

  test('an empty expectedServerHostname is refused', () => refuses({ expectedServerHostname: '' }, VALUE, /cannot be/));

  test('a name of another type is refused', () => {
    for (const name of ['expectedServerHostname', 'servername', 'sni']) refuses({ [name]: 5 }, TYPE, new RegExp(name));
  });

  test('any text gives a name without odd characters or a TypeError with a code', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV4(), fc.ipV6()), (servername) => {
        try {
          const { serverName } = parse({ servername });
          assert.match(serverName, /^[\w.:-]+$/);
        } catch (error) {
          assert.equal(error.code, VALUE, error.stack);
        }
      }),
    );
  });
});

describe('protocols', () => {
  const names = (options) => parse(options).alpn.map(String);
  const wire = Buffer.from('\x02h2\x08http/1.1');

  test('are taken as a list and in wire format', () => {
    const both = ['h2', 'http/1.1'];
    assert.deepEqual(names({ alpn: both }), both);
    assert.deepEqual(names({ ALPNProtocols: both }), both);
    assert.deepEqual(names({ ALPNProtocols: both.map((name) => Buffer.from(name)) }), both);
    assert.deepEqual(names({ ALPNProtocols: wire }), both);
    assert.deepEqual(names({ ALPNProtocols: new DataView(wire.buffer, wire.byteOffset, wire.byteLength) }), both);
    assert.deepEqual(names({ alpn: both, ALPNProtocols: wire }), both);
    assert.deepEqual(names({ alpn: [] }), []);
    assert.deepEqual(names({ alpn: ['x'.repeat(255)] }), ['x'.repeat(255)]);
    assert.ok(parse({ alpn: both }).alpn.every(Buffer.isBuffer));
  });

  test('are copied', () => {
    const bytes = Buffer.from('\x02h2');
    const { alpn } = parse({ ALPNProtocols: bytes });
    bytes.fill(0);
    assert.deepEqual(alpn.map(String), ['h2']);
  });

  const refused = [
    [{ alpn: 'h2' }, TYPE],
    [{ alpn: Buffer.from('\x02h2') }, TYPE],
    [{ alpn: [Buffer.from('h2')] }, TYPE],
    [{ alpn: [5] }, TYPE],
    [{ ALPNProtocols: 'h2' }, TYPE],
    [{ ALPNProtocols: [null] }, TYPE],
    [{ alpn: [''] }, VALUE],
    [{ alpn: ['x'.repeat(256)] }, VALUE],
    [{ alpn: ['é'.repeat(128)] }, VALUE],
    [{ ALPNProtocols: Buffer.from('\x05h2') }, VALUE],
    [{ ALPNProtocols: Buffer.from('\x00') }, VALUE],
    [{ alpn: ['h2'], ALPNProtocols: ['http/1.1'] }, VALUE],
    [{ alpn: [], ALPNProtocols: ['http/1.1'] }, VALUE],
  ];
  for (const [options, code] of refused) {
    test(`${JSON.stringify(options).slice(0, 60)} is refused`, () => refuses(options, code, /"options\.(alpn|ALPN)/));
  }

  test('a list survives its wire format', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 255 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (list) => {
        const bytes = Buffer.concat(list.flatMap((item) => [Buffer.from([item.length]), item]));
        assert.deepEqual(parse({ ALPNProtocols: bytes }).alpn, list.map(Buffer.from));
      }),
    );
  });
});

describe('trust', () => {
  const subjects = (options) => parse(options).ca.map((der) => new X509Certificate(der).subject);

  test('ca is parsed, each certificate once', async () => {
    const own = await selfSigned();
    assert.deepEqual(subjects({ ca: authority.pem + own.cert + authority.pem }), ['CN=Root', 'CN=localhost']);
    assert.deepEqual(subjects({ ca: [authority.pem, Buffer.from(authority.pem), authority.der] }), ['CN=Root']);
    assert.deepEqual(subjects({ ca: Buffer.from(own.cert) }), ['CN=localhost']);
  });

  test('an empty array trusts nothing; empty text is refused', () => {
    assert.deepEqual(parse({ ca: [] }).ca, []);
    refuses({ ca: '' }, VALUE, /"options\.ca" contains no certificate/);
    refuses({ ca: [''] }, VALUE, /"options\.ca\[0\]" contains no certificate/);
  });

  test('ca of another type is refused', () => {
    for (const ca of [5, false, {}, [5]]) refuses({ ca }, TYPE, /"options\.ca(\[0\])?"/);
  });

  test('the same text is parsed once; a buffer that has changed is parsed again', () => {
    assert.equal(parse({ ca: authority.pem }).ca, parse({ ca: `${authority.pem}` }).ca);
    const bytes = Buffer.from(authority.pem);
    assert.equal(parse({ ca: bytes }).ca, parse({ ca: bytes }).ca);
    bytes.fill(0x20);
    refuses({ ca: bytes }, VALUE, /contains no certificate/);
  });
});

describe('verification', () => {
  test('is turned off by false alone', () => {
    assert.equal(parse({ rejectUnauthorized: false }).rejectUnauthorized, false);
    assert.equal(parse({ rejectUnauthorized: true }).rejectUnauthorized, true);
    for (const value of ['false', 0, '', 1]) refuses({ rejectUnauthorized: value }, TYPE, /rejectUnauthorized/);
  });

  test('is not turned off by the environment', async () => {
    const { href } = new URL('../lib/tls-options.js', import.meta.url);
    const code = `import { parseTlsOptions } from ${JSON.stringify(href)};
      console.log(parseTlsOptions().rejectUnauthorized);`;
    const { stdout } = await runNode(inline(code), { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
    assert.equal(stdout.trim(), 'true');
  });

  test('takes a function for the check of the name', () => {
    const checkServerIdentity = () => {};
    assert.equal(parse({ checkServerIdentity }).checkServerIdentity, checkServerIdentity);
    refuses({ checkServerIdentity: true }, TYPE, /checkServerIdentity/);
  });
});

describe('versions', () => {
  const accepted = [
    [{ minVersion: 'TLSv1' }, 'TLSv1.2', 'TLSv1.3'],
    [{ minVersion: 'TLSv1.1' }, 'TLSv1.2', 'TLSv1.3'],
    [{ minVersion: 'TLSv1.3' }, 'TLSv1.3', 'TLSv1.3'],
    [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.2'],
    [{ minVersion: 'TLSv1', maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLSv1.2'],
  ];
  for (const [options, minVersion, maxVersion] of accepted) {
    test(`${JSON.stringify(options)} means ${minVersion} to ${maxVersion}`, () => {
      const settings = parse(options);
      assert.deepEqual([settings.minVersion, settings.maxVersion], [minVersion, maxVersion]);
    });
  }

  const refused = [
    [{ maxVersion: 'TLSv1.1' }, VALUE, /"options\.maxVersion" is below/],
    [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, VALUE, /"options\.minVersion" is above/],
    [{ minVersion: 'SSLv3' }, VALUE, /"options\.minVersion" must be one of/],
    [{ maxVersion: '' }, VALUE, /"options\.maxVersion" must be one of/],
    [{ minVersion: 1.2 }, TYPE, /"options\.minVersion"/],
  ];
  for (const [options, code, message] of refused) {
    test(`${JSON.stringify(options)} is refused`, () => refuses(options, code, message));
  }

  test("Node's flags set the defaults", async () => {
    const { href } = new URL('../lib/tls-options.js', import.meta.url);
    const code = `import { parseTlsOptions } from ${JSON.stringify(href)};
      const { minVersion, maxVersion } = parseTlsOptions();
      console.log(minVersion, maxVersion);`;
    assert.equal((await runNode(['--tls-min-v1.3', ...inline(code)])).stdout.trim(), 'TLSv1.3 TLSv1.3');
    assert.equal((await runNode(['--tls-max-v1.2', ...inline(code)])).stdout.trim(), 'TLSv1.2 TLSv1.2');
    assert.equal((await runNode(['--tls-min-v1.0', ...inline(code)])).stdout.trim(), 'TLSv1.2 TLSv1.3');
  });
});

describe('credentials', () => {
  const SECRET = 'open sesame';
  const encrypt = (pem, format = 'pem') =>
    createPrivateKey(pem).export({ type: 'pkcs8', format, cipher: 'aes-256-cbc', passphrase: SECRET });
  const der = (pem, type = 'pkcs8') => createPrivateKey(pem).export({ type, format: 'der' });

  test('are accepted in every form that Node has, and as DER', () => {
    const { chain: cert, key } = client;
    const forms = [
      { cert, key },
      { cert: [cert], key: [key] },
      { cert: Buffer.from(cert), key: Buffer.from(key) },
      { cert, key: [{ pem: key }] },
      { cert, key: der(key) },
      { cert, key: der(key, 'sec1') },
      { cert, key: createPrivateKey(key).export({ type: 'sec1', format: 'pem' }) },
      { cert, key, passphrase: 'not needed' },
      { cert, key: encrypt(key), passphrase: SECRET },
      { cert, key: encrypt(key, 'der'), passphrase: SECRET },
      { cert, key: [{ pem: encrypt(key), passphrase: SECRET }] },
      { cert, key: [{ pem: encrypt(key) }], passphrase: SECRET },
      { cert: key + cert, key: cert + key },
    ];
    for (const form of forms) {
      const settings = parse(form);
      assert.deepEqual(
        settings.cert.map((item) => new X509Certificate(item).subject),
        ['CN=client.test', 'CN=Intermediate'],
      );
      assert.deepEqual(settings.key, der(key));
    }
  });

  for (const keyType of ['P-384', 'P-521', 'RSA-2048', 'Ed25519']) {
    test(`${keyType} keys are accepted`, async () => {
      const { cert, key } = await authority.issue({ keyType });
      assert.deepEqual(parse({ cert, key }).key, der(key));
    });
  }

  test('empty arrays mean none', () => {
    const settings = parse({ cert: [], key: [] });
    assert.deepEqual([settings.cert, settings.key], [null, null]);
  });

  const refused = {
    'a certificate without a key': [() => ({ cert: client.cert }), VALUE, /"options\.cert" is given without `key`/],
    'a key without a certificate': [() => ({ key: client.key }), VALUE, /"options\.key" is given without `cert`/],
    'a key of another certificate': [() => ({ cert: other.cert, key: client.key }), VALUE, /key" does not belong/],
    'text that is no key': [() => ({ cert: client.cert, key: 'nonsense' }), VALUE, /key" contains no private key/],
    'a certificate as the key': [
      () => ({ cert: client.cert, key: client.cert }),
      VALUE,
      /key" contains no private key/,
    ],
    'bytes that are no key': [() => ({ cert: client.cert, key: client.der }), VALUE, /key" contains no private key/],
    'text that is no certificate': [() => ({ cert: 'nonsense', key: client.key }), VALUE, /cert" contains no cert/],
    'several keys': [() => ({ cert: client.cert, key: [client.key, other.key] }), VALUE, /key" has more than one/],
    'a number as the key': [() => ({ cert: client.cert, key: 5 }), TYPE, /"options\.key"/],
    'a number as the certificate': [() => ({ cert: 5, key: client.key }), TYPE, /"options\.cert"/],
    'an object without pem': [() => ({ cert: client.cert, key: [{}] }), TYPE, /"options\.key\.pem"/],
    'a number as the passphrase': [() => ({ passphrase: 5 }), TYPE, /"options\.passphrase"/],
    'a number as the passphrase of a key': [
      () => ({ cert: client.cert, key: [{ pem: client.key, passphrase: 5 }] }),
      TYPE,
      /"options\.key\.passphrase"/,
    ],
    'an encrypted key alone': [() => ({ cert: client.cert, key: encrypt(client.key) }), VALUE, /passphrase" is needed/],
    'encrypted DER alone': [
      () => ({ cert: client.cert, key: encrypt(client.key, 'der') }),
      VALUE,
      /passphrase" is need/,
    ],
    'a wrong passphrase': [
      () => ({ cert: client.cert, key: encrypt(client.key), passphrase: 'wrong' }),
      VALUE,
      /passphrase" does not decrypt/,
    ],
    'a key of a type that rustls has not': [
      () => ({
        cert: client.cert,
        key: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      }),
      VALUE,
      /key" is of an unsupported type: secp256k1/,
    ],
  };
  for (const [name, [options, code, message]] of Object.entries(refused)) {
    test(`${name} is refused`, () => refuses(options(), code, message));
  }

  test('are kept out of messages', () => {
    const secret = 'hunter2hunter2';
    const attempts = [
      { cert: client.cert, key: secret },
      { cert: client.cert, key: encrypt(client.key), passphrase: secret },
      { cert: secret, key: client.key },
      { passphrase: [secret] },
      { ca: secret },
      { pfx: secret },
    ];
    for (const options of attempts) {
      assert.throws(
        () => parse(options),
        (error) => error.code.startsWith('ERR_INVALID_ARG') && !String(error.stack).includes(secret) && !error.cause,
      );
    }
  });

  test('a right passphrase does not let a wrong one pass later', () => {
    const options = { cert: client.cert, key: encrypt(client.key), passphrase: SECRET };
    assert.equal(parse(options).key, parse(options).key);
    refuses({ ...options, passphrase: 'wrong' }, VALUE, /does not decrypt/);
    refuses({ ...options, passphrase: undefined }, VALUE, /is needed/);
  });
});

describe('defaults', () => {
  test('hold for what is not given', () => {
    const defaults = parse({
      servername: 'default.test',
      alpn: ['h2'],
      ca: authority.pem,
      cert: client.cert,
      key: client.key,
      rejectUnauthorized: false,
      checkServerIdentity: () => {},
      minVersion: 'TLSv1.3',
    });
    assert.deepEqual(parse({}, { defaults }), defaults);
    const settings = parse({ sni: 'own.test', alpn: [], ca: [], rejectUnauthorized: true }, { defaults });
    assert.deepEqual(settings, { ...defaults, serverName: 'own.test', alpn: [], ca: [], rejectUnauthorized: true });
  });

  test('an own name is announced even if the default sends no SNI', () => {
    const defaults = parse({ servername: '' }, { hostname: null });
    assert.deepEqual(pick(parse({}, { defaults })), ['host.test', false]);
    assert.deepEqual(pick(parse({ servername: 'own.test' }, { defaults })), ['own.test', true]);
  });

  const pick = ({ serverName, sni }) => [serverName, sni];
});

describe('table of options', () => {
  test('says of each option what becomes of it', () => {
    for (const [name, { verdict, reason }] of Object.entries(tlsOptionTable)) {
      assert.match(verdict, /^(honoured|ignored|refused|binding)$/, name);
      assert.ok(reason.length > 0, name);
    }
  });

  for (const [name, { verdict }] of Object.entries(tlsOptionTable)) {
    if (verdict === 'refused') {
      test(`${name} is refused, unless it is off`, () => {
        refuses({ [name]: {} }, VALUE, new RegExp(`"options\\.${name}" is not supported: `));
        assert.doesNotThrow(() => parse({ [name]: false }));
      });
    }
    if (verdict === 'ignored') {
      test(`${name} is ignored`, () => assert.deepEqual(parse({ [name]: Symbol('x') }), parse({})));
    }
    if (verdict === 'honoured') {
      test(`${name} is read`, () => assert.throws(() => parse({ [name]: Symbol('x') }), { name: 'TypeError' }));
    }
  }

  test('what drivers pass is accepted', () => {
    const socket = { on() {}, write() {} };
    assert.equal(parse({ socket, host: 'host.test', servername: 'host.test' }).serverName, 'host.test');
    assert.equal(parse({ servername: undefined }).serverName, 'host.test');
    const pg = { socket, host: '127.0.0.1', user: 'me', password: 'x', ALPNProtocols: ['postgresql'] };
    assert.equal(parse(pg, { hostname: '127.0.0.1' }).serverName, '127.0.0.1');
  });
});

describe('digest', () => {
  const digest = (options, context) => digestTlsSettings(parse(options, context));

  test('is SHA-256 in hex and the same for the same settings', () => {
    assert.match(digest({}), /^[0-9a-f]{64}$/);
    const options = () => ({ ca: Buffer.from(authority.pem), cert: client.chain, key: client.key, alpn: ['h2'] });
    assert.equal(digest(options()), digest(options()));
    assert.equal(digest({ ca: [authority.pem] }), digest({ ca: authority.der }));
  });

  test('does not depend on the server name', () => {
    assert.equal(digest({ servername: 'a.test' }), digest({ servername: '' }, { hostname: 'b.test' }));
  });

  test('differs for whatever makes another configuration', () => {
    const variants = [
      {},
      { ca: [] },
      { ca: authority.pem },
      { cert: client.cert, key: client.key },
      { cert: client.chain, key: client.key },
      { cert: other.cert, key: other.key },
      { alpn: ['h2'] },
      { alpn: ['h2', 'h3'] },
      { alpn: ['h2h3'] },
      { rejectUnauthorized: false },
      { rejectUnauthorized: false, ca: authority.pem },
      { checkServerIdentity: () => {} },
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
    ];
    assert.equal(new Set(variants.map((options) => digest(options))).size, variants.length);
  });
});
