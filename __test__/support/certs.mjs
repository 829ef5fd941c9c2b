// Certificates made during the run. Pure JavaScript, since a machine that runs the tests may have no openssl program.

// The certificate library builds on decorators, which want this loaded before it.
import 'reflect-metadata';
import { createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const { subtle } = globalThis.crypto;
x509.cryptoProvider.set(globalThis.crypto);

const DAY = 24 * 60 * 60 * 1000;
const publicExponent = new Uint8Array([1, 0, 1]);

const rsa = (modulusLength) => ({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent });

const keyTypes = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'P-521': { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  'RSA-2048': rsa(2048),
  'RSA-3072': rsa(3072),
  'RSA-4096': rsa(4096),
  Ed25519: { name: 'Ed25519' },
};

const extendedUsages = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  client: [x509.ExtendedKeyUsage.clientAuth],
  both: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
};

/** The date so many days from now; negative for the past. */
export function inDays(days) {
  return new Date(Date.now() + days * DAY);
}

/**
 * A root authority: `{ pem, der, issue(options), intermediate(commonName, options) }`.
 * Options: `keyType`, `notBefore`, `notAfter`.
 */
export async function createAuthority(commonName = 'Test Authority', options = {}) {
  const keys = await generateKeys(options.keyType);
  const subject = nameOf(commonName);
  const certificate = await sign({
    ...options,
    subject,
    issuer: { subject, keys },
    keys,
    extensions: authorityExtensions(),
  });
  return authority({ certificate, keys, subject, above: [] });
}

/**
 * A certificate as `openssl req -x509` makes it: signed by itself, marked as an authority, with both key identifiers and
 * neither of the key usages. `ca: false` leaves the mark out (CA:FALSE); `names: []` leaves the alternative names out.
 */
export async function selfSigned({
  names = ['localhost', '127.0.0.1', '::1'],
  commonName = 'localhost',
  ca = true,
  keyType = 'RSA-2048',
  ...dates
} = {}) {
  const keys = await generateKeys(keyType);
  const subject = nameOf(commonName);
  const certificate = await sign({
    ...dates,
    subject,
    issuer: { subject, keys },
    keys,
    extensions: [new x509.BasicConstraintsExtension(ca, undefined, true), ...alternativeNames(names)],
  });
  return credentials(certificate, keys, []);
}

/** A private key in PEM, encrypted. */
export function encryptedKey(pem, passphrase) {
  return createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
}

function authority({ certificate, keys, subject, above }) {
  // What a server sends below the root: the intermediates from here upwards, without the root itself.
  const issuer = { subject, keys };
  const chain = above.length === 0 ? [] : [certificate, ...above.slice(0, -1)];

  return {
    ...encode(certificate),

    /**
     * An end-entity certificate: `{ cert, key, chain, der }`, `chain` being `cert` followed by the intermediates.
     * `usage` is 'server', 'client', 'both' or null (no extended key usage); `extensions` are added to the usual ones.
     */
    async issue({
      names = ['localhost', '127.0.0.1', '::1'],
      commonName = names[0] ?? 'unnamed',
      keyType,
      usage = 'server',
      extensions = [],
      ...dates
    } = {}) {
      const leafKeys = await generateKeys(keyType);
      const leaf = await sign({
        ...dates,
        subject: nameOf(commonName),
        issuer,
        keys: leafKeys,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          ...(usage === null ? [] : [new x509.ExtendedKeyUsageExtension(extendedUsages[usage])]),
          ...alternativeNames(names),
          ...extensions,
        ],
      });
      return credentials(leaf, leafKeys, chain);
    },

    /** An authority signed by this one, with the same members. */
    async intermediate(commonName = 'Test Intermediate', options = {}) {
      const lowerKeys = await generateKeys(options.keyType);
      const lowerSubject = nameOf(commonName);
      const lower = await sign({
        ...options,
        subject: lowerSubject,
        issuer,
        keys: lowerKeys,
        extensions: authorityExtensions(),
      });
      return authority({ certificate: lower, keys: lowerKeys, subject: lowerSubject, above: [certificate, ...above] });
    },
  };
}

async function sign({ subject, issuer, keys, extensions, notBefore = inDays(-1), notAfter = inDays(30) }) {
  const { name, hash } = issuer.keys.privateKey.algorithm;
  return x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.subject,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    // An ECDSA key does not remember its hash, and an Ed25519 signature has none to choose.
    signingAlgorithm: name === 'ECDSA' ? keyTypes[issuer.keys.privateKey.algorithm.namedCurve] : { name, hash },
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
}

async function credentials(certificate, keys, chain) {
  const { pem, der } = encode(certificate);
  const pkcs8 = await subtle.exportKey('pkcs8', keys.privateKey);
  return {
    cert: pem,
    chain: [pem, ...chain.map((each) => encode(each).pem)].join(''),
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
    der,
  };
}

function encode(certificate) {
  return { pem: `${certificate.toString('pem')}\n`, der: new Uint8Array(certificate.rawData) };
}

function generateKeys(keyType = 'P-256') {
  const algorithm = keyTypes[keyType];
  if (algorithm === undefined) throw new TypeError(`unknown key type "${keyType}"`);
  return subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function authorityExtensions() {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
  ];
}

function alternativeNames(names) {
  if (names.length === 0) return [];
  const entries = names.map((name) => ({ type: isIP(name) ? 'ip' : 'dns', value: name }));
  return [new x509.SubjectAlternativeNameExtension(entries)];
}

function nameOf(commonName) {
  return [{ CN: [commonName] }];
}
