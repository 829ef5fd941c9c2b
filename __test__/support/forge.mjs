// Certificates as they are described, however wrong: any version, extension, key and signature. certs.mjs makes the usual ones.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import {
  bits,
  boolean,
  field,
  flags,
  integer,
  nothing,
  octets,
  oid,
  plainField,
  sequence,
  set,
  time,
  utf8,
} from './der.mjs';

const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
};
const USAGE = { digitalSignature: 0, keyEncipherment: 2, keyAgreement: 4, keyCertSign: 5, cRLSign: 6 };
const PURPOSE = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  any: '2.5.29.37.0',
};
const RSA_SIGNATURE = { md5: 4, sha1: 5, sha256: 11, sha384: 12, sha512: 13 };
const ECDSA_SIGNATURE = { sha1: '1', sha256: '3.2', sha384: '3.3', sha512: '3.4' };
const EDWARDS = { ed25519: '1.3.101.112', ed448: '1.3.101.113' };
const CURVE_DIGEST = { secp384r1: 'sha384', secp521r1: 'sha512' };

/** The date so many days from now; negative for the past. */
export function inDays(days) {
  return new Date(Date.now() + days * 86_400_000);
}

/** A pair of keys: 'RSA-<bits>', 'RSA-PSS', 'Ed25519', 'Ed448', or the name of a curve. */
export function generateKeys(type = 'P-256') {
  const [, kind] = /^(RSA-PSS|RSA|Ed25519|Ed448)/.exec(type) ?? [];
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(4)) });
  if (kind === 'RSA-PSS') return generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  if (kind) return generateKeyPairSync(kind.toLowerCase());
  return generateKeyPairSync('ec', { namedCurve: type });
}

/** Extensions, each as `[name or OID, critical, value]`. */
export const extension = {
  basicConstraints: (isAuthority, pathLength) => [
    'basicConstraints',
    true,
    sequence(...(isAuthority ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])),
  ],
  keyUsage: (...usages) => ['keyUsage', true, flags(...usages.map((usage) => USAGE[usage]))],
  extendedKeyUsage: (...purposes) => [
    'extendedKeyUsage',
    false,
    sequence(...purposes.map((purpose) => oid(PURPOSE[purpose]))),
  ],
  /** Addresses become IP entries; `{ dns }` and `{ ip }` say what a text stands as. */
  alternativeNames: (names) => ['alternativeNames', false, sequence(...names.map(generalName))],
  /** Subtrees: names, or addresses with their mask as 'address/mask'. */
  nameConstraints: ({ permitted = [], excluded = [] }) => {
    const subtrees = (number, names) =>
      names.length === 0 ? [] : [field(number, ...names.map((name) => sequence(generalName(name))))];
    return ['nameConstraints', true, sequence(...subtrees(0, permitted), ...subtrees(1, excluded))];
  },
  unknown: (critical) => ['1.3.6.1.4.1.55555.1', critical, octets(Buffer.from('nobody knows this one'))],
};

function generalName(name) {
  if (name.other) return name.other;
  const text = name.dns ?? name.ip ?? name;
  if (name.dns !== undefined || !/^[\d.:a-f/]+$/.test(text) || !isIP(text.split('/')[0])) {
    return plainField(2, Buffer.from(text, 'latin1'));
  }
  return plainField(7, Buffer.concat(text.split('/').map(addressBytes)));
}

function addressBytes(address) {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head, tail] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const groups = tail ? [...head, ...new Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** A name: of its common name, or of nothing. `encode` is the kind of text. */
export function distinguishedName(commonName, encode = utf8) {
  return sequence(...(commonName === '' ? [] : [set(sequence(oid('2.5.4.3'), encode(commonName)))]));
}

/**
 * A certificate: `{ der, pem, keys, subject }`. Without `issuer` it is signed by itself. `extensions` are as above; version 1
 * has none. `identifiers: false` leaves the identifiers of the keys out, `issuerName` puts another name in place of the issuer's.
 */
export function forge({
  subject = 'Leaf',
  issuer,
  issuerName,
  keyType,
  keys = generateKeys(keyType),
  version = 3,
  serial = Buffer.concat([Buffer.from([0x40]), randomBytes(15)]),
  notBefore = inDays(-1),
  notAfter = inDays(30),
  extensions = [],
  identifiers = true,
  digest,
  pss = false,
  tamper = false,
}) {
  const name = Buffer.isBuffer(subject) ? subject : distinguishedName(subject);
  const signer = issuer ?? { keys, subject: name };
  const { algorithm, options } = signatureOf(signer.keys.privateKey, digest, pss);
  const identified = identifiers
    ? [
        ['subjectKeyIdentifier', false, octets(identifierOf(keys))],
        ['authorityKeyIdentifier', false, sequence(plainField(0, identifierOf(signer.keys)))],
      ]
    : [];
  const all = version === 1 ? [] : [...extensions, ...identified];
  const body = sequence(
    ...(version === 1 ? [] : [field(0, integer(version - 1))]),
    integer(serial),
    algorithm,
    issuerName ?? signer.subject,
    sequence(time(notBefore), time(notAfter)),
    name,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(all.length === 0 ? [] : [field(3, sequence(...all.map(encodeExtension)))]),
  );
  const signature = sign(options.digest, body, { key: signer.keys.privateKey, ...options });
  if (tamper) signature[signature.length - 1] ^= 1;
  const der = sequence(body, algorithm, bits(signature));
  return { der, pem: pemOf(der), keys, subject: name };
}

function encodeExtension([name, critical, value]) {
  return sequence(oid(EXTENSION[name] ?? name), ...(critical ? [boolean(true)] : []), octets(value));
}

function identifierOf({ publicKey }) {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

function signatureOf(key, wanted, pss) {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (EDWARDS[type]) return { algorithm: sequence(oid(EDWARDS[type])), options: { digest: null } };
  const digest = wanted ?? CURVE_DIGEST[details.namedCurve] ?? 'sha256';
  if (type === 'ec') {
    return { algorithm: sequence(oid(`1.2.840.10045.4.${ECDSA_SIGNATURE[digest]}`)), options: { digest } };
  }
  if (!pss) {
    return { algorithm: sequence(oid(`1.2.840.113549.1.1.${RSA_SIGNATURE[digest]}`), nothing), options: { digest } };
  }
  // SHA-256 throughout, with a salt of its length.
  const hash = sequence(oid('2.16.840.1.101.3.4.2.1'), nothing);
  const mask = sequence(oid('1.2.840.113549.1.1.8'), hash);
  const parameters = sequence(field(0, hash), field(1, mask), field(2, integer(32)));
  // RSA_PKCS1_PSS_PADDING
  const options = { digest: 'sha256', padding: 6, saltLength: 32 };
  return { algorithm: sequence(oid('1.2.840.113549.1.1.10'), parameters), options };
}

function pemOf(der) {
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}
