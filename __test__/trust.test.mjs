import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { parseCertificates } from '../lib/trust.js';
import { createAuthority } from './support/certs.mjs';
import { inline, root, runNode } from './support/process.mjs';

const trustUrl = new URL('../lib/trust.js', import.meta.url).href;
const hasList = typeof tls.getCACertificates === 'function';
const canReplace = typeof tls.setDefaultCACertificates === 'function';

let folder;
let first;
let second;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trust-'));
  [first, second] = await Promise.all([createAuthority('First'), createAuthority('Second')]);
  writeFileSync(join(folder, 'first.pem'), first.pem);
  writeFileSync(join(folder, 'garbage.pem'), 'not a certificate');
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  writeFileSync(join(folder, 'mixed.pem'), first.pem + broken + second.pem);
  writeFileSync(join(folder, 'cut.pem'), first.pem + second.pem.slice(0, 200));
});
after(() => rmSync(folder, { recursive: true }));

/** Runs code in a child, in the folder of the PEM files, where `report(value)` hands a value back. */
async function inChild(code, { env, flags = [] } = {}) {
  const program = `
    import { X509Certificate } from 'node:crypto';
    import tls from 'node:tls';
    const names = (list) => list.map((der) => new X509Certificate(der).subject);
    const report = (value) => console.log(JSON.stringify(value));
    const { defaultTrust } = await import(${JSON.stringify(trustUrl)});
    ${code}
  `;
  const child = await runNode([...flags, ...inline(program)], { env, cwd: folder });
  assert.equal(child.code, 0, child.stderr);
  return { value: JSON.parse(child.stdout), stderr: child.stderr };
}

const extras = `
  const bundled = new Set(tls.rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256));
  const trusted = defaultTrust();
  const extra = trusted.filter((der) => !bundled.has(new X509Certificate(der).fingerprint256));
  report({ bundled: trusted.length - extra.length === bundled.size, extra: names(extra) });
`;

describe('default trust', () => {
  test('is the set that Node bundles, in DER, the same array each time', async () => {
    const { value } = await inChild(`
      const trusted = defaultTrust();
      report({
        same: JSON.stringify(trusted.map((der) => new X509Certificate(der).fingerprint256).sort()) ===
          JSON.stringify(tls.rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256).sort()),
        stable: defaultTrust() === trusted && Object.isFrozen(trusted),
      });
    `);
    assert.deepEqual(value, { same: true, stable: true });
  });

  test('has the file of NODE_EXTRA_CA_CERTS', async () => {
    const { value } = await inChild(extras, { env: { NODE_EXTRA_CA_CERTS: join(folder, 'first.pem') } });
    assert.deepEqual(value, { bundled: true, extra: ['CN=First'] });
  });

  test('takes the variable as it was at the start', async () => {
    const code = `process.env.NODE_EXTRA_CA_CERTS = 'elsewhere.pem'; ${extras}`;
    const { value } = await inChild(code, { env: { NODE_EXTRA_CA_CERTS: join(folder, 'first.pem') } });
    assert.deepEqual(value, { bundled: true, extra: ['CN=First'] });
  });

  // Where Node lists its certificates, it is Node that reads the file, in the folder current at that time.
  test('takes the working folder as it was at the start', { skip: hasList }, async () => {
    const { value } = await inChild(`process.chdir('/'); ${extras}`, { env: { NODE_EXTRA_CA_CERTS: 'first.pem' } });
    assert.deepEqual(value, { bundled: true, extra: ['CN=First'] });
  });

  test('does without a file that is missing, with a warning', async () => {
    const { value, stderr } = await inChild(extras, { env: { NODE_EXTRA_CA_CERTS: 'missing.pem' } });
    assert.deepEqual(value, { bundled: true, extra: [] });
    assert.match(stderr, /Ignoring extra certs/);
  });

  test('tells of a bad file of its own accord once', { skip: hasList }, async () => {
    const code = `
      let warnings = 0;
      process.on('warning', () => { warnings += 1; });
      defaultTrust();
      defaultTrust();
      await new Promise(setImmediate);
      report(warnings);
    `;
    const { value } = await inChild(code, { env: { NODE_EXTRA_CA_CERTS: 'missing.pem' } });
    assert.equal(value, 1);
  });

  test('does without a file that has no certificates', async () => {
    const { value } = await inChild(extras, { env: { NODE_EXTRA_CA_CERTS: 'garbage.pem' } });
    assert.deepEqual(value, { bundled: true, extra: [] });
  });

  for (const name of ['mixed.pem', 'cut.pem']) {
    test(`has what comes before the fault in ${name}, with a warning`, async () => {
      const { value, stderr } = await inChild(extras, { env: { NODE_EXTRA_CA_CERTS: name } });
      assert.deepEqual(value, { bundled: true, extra: ['CN=First'] });
      assert.match(stderr, /Ignoring extra certs/);
    });
  }

  test('has no certificate twice', async () => {
    const flags = hasList ? ['--use-system-ca'] : [];
    const { value } = await inChild(
      `const all = defaultTrust().map((der) => der.toString('hex')); report([all.length, new Set(all).size]);`,
      { flags },
    );
    assert.equal(value[0], value[1]);
  });

  test('follows tls.setDefaultCACertificates', { skip: !canReplace }, async () => {
    const { value } = await inChild(
      `
        const before = defaultTrust();
        tls.setDefaultCACertificates([process.env.FIRST]);
        const replaced = defaultTrust();
        tls.setDefaultCACertificates([]);
        report([before.length > 1, names(replaced), defaultTrust().length]);
      `,
      { env: { FIRST: first.pem } },
    );
    assert.deepEqual(value, [true, ['CN=First'], 0]);
  });

  describe('with --use-openssl-ca', () => {
    const files = () => ({ SSL_CERT_FILE: join(folder, 'first.pem'), SSL_CERT_DIR: folder });

    test('is the store of OpenSSL', async () => {
      const ask = `report(names(defaultTrust()).includes('CN=First'));`;
      assert.equal((await inChild(ask, { env: files(), flags: ['--use-openssl-ca'] })).value, true);
      assert.equal((await inChild(ask, { env: { ...files(), NODE_OPTIONS: '--use-openssl-ca' } })).value, true);
      assert.equal((await inChild(ask, { env: files() })).value, false);
    });

    test('is empty after it was replaced by nothing', { skip: !canReplace }, async () => {
      const code = `defaultTrust(); tls.setDefaultCACertificates([]); report(defaultTrust().length);`;
      assert.equal((await inChild(code, { env: files(), flags: ['--use-openssl-ca'] })).value, 0);
    });
  });

  test('is made into trust anchors once, when TLS first needs it, and anew after it was replaced', async () => {
    const { value } = await inChild(`
      import { createRequire } from 'node:module';
      const require = createRequire(${JSON.stringify(join(root, 'index.js'))});
      // In the place of the addon's class before anybody has taken it from there.
      const addon = require('./binding.js');
      let made = 0;
      addon.TrustStore = class extends addon.TrustStore {
        constructor(...args) {
          super(...args);
          made += 1;
        }
      };
      const { connect, createBinding } = require('./index.js');
      const counts = [];
      const counted = async (connectTo, options) => {
        const socket = connectTo('127.0.0.1:1', options);
        counts.push(made);
        await Promise.allSettled([socket.opened, socket.close()]);
      };
      const secureTransport = 'on';
      await counted(connect, {});
      await counted(connect, { secureTransport });
      await counted(connect, { secureTransport });
      await counted(connect, { secureTransport, tls: { minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] } });
      await counted(createBinding({ lockTls: true }).connect, { secureTransport });
      await counted(createBinding({ tls: { maxVersion: 'TLSv1.2' } }).connect, { secureTransport });
      tls.setDefaultCACertificates?.([]);
      await counted(connect, { secureTransport });
      await counted(createBinding({}).connect, { secureTransport });
      report(counts);
    `);
    assert.deepEqual(value, [0, 1, 1, 1, 1, 1, ...(canReplace ? [2, 2] : [1, 1])]);
  });

  test('is not read when the module is loaded', async () => {
    const program = `
      import tls from 'node:tls';
      const { getCACertificates } = tls;
      let calls = 0;
      tls.getCACertificates = (...args) => { calls += 1; return getCACertificates(...args); };
      await import(${JSON.stringify(trustUrl)});
      console.log(calls);
    `;
    const { stdout } = await runNode(inline(program), { cwd: root });
    assert.equal(stdout.trim(), '0');
  });
});

describe('certificates given', () => {
  const subjects = (list) => list.map((der) => new X509Certificate(der).subject);
  const parse = (given) => subjects(parseCertificates(given, 'options.ca'));

  test('as PEM, as DER and as arrays of both', () => {
    const both = ['CN=First', 'CN=Second'];
    assert.deepEqual(parse(first.pem), ['CN=First']);
    assert.deepEqual(parse(Buffer.from(first.pem)), ['CN=First']);
    assert.deepEqual(parse(first.der), ['CN=First']);
    assert.deepEqual(parse(new DataView(first.der.buffer, first.der.byteOffset, first.der.byteLength)), ['CN=First']);
    assert.deepEqual(parse(first.pem + second.pem), both);
    assert.deepEqual(parse([first.pem, second.der]), both);
    assert.deepEqual(parse(`0: a comment\n${first.pem}`), ['CN=First']);
    assert.deepEqual(parse(first.pem.replaceAll('\n', '\r\n')), ['CN=First']);
    assert.deepEqual(parse(first.pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')), ['CN=First']);
    assert.deepEqual(parse([]), []);
  });

  test('other blocks of a PEM file are passed over', () => {
    const block = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    assert.deepEqual(parse(block + first.pem), ['CN=First']);
  });

  const unusable = {
    'empty text': () => '',
    'text without a certificate': () => 'no certificate',
    'a certificate that is cut': () => first.pem + second.pem.slice(0, 200),
    'a broken certificate': () => `${first.pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    'broken DER': () => first.der.subarray(0, 100),
    'two DER certificates in one': () => Buffer.concat([first.der, second.der]),
  };
  for (const [name, given] of Object.entries(unusable)) {
    test(`${name} is refused`, () => {
      assert.throws(() => parse(given()), {
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: /"options\.ca"/,
      });
    });
  }

  test('the item at fault is named', () => {
    assert.throws(() => parse([first.pem, 'x']), { message: /"options\.ca\[1\]" contains no certificate/ });
  });

  for (const given of [5, false, {}, [[]], new ArrayBuffer(3)]) {
    test(`${JSON.stringify(given)} is refused`, () => {
      assert.throws(() => parse(given), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message: /"options\.ca/ });
    });
  }
});
