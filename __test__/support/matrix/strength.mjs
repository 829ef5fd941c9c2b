// Keys, signatures, and the versions and ciphers of a server.

import { createDiffieHellmanGroup } from 'node:crypto';
import { integer, sequence } from '../der.mjs';
import { byRoot, through, trusted, under, unnamed } from './make.mjs';

const [major] = process.versions.node.split('.').map(Number);

// From 24 on Node asks OpenSSL for its security level 2.
const tooSmall =
  major >= 24 ? unnamed : { node: null, why: 'RSA keys have 2048 bits or more; this Node is content with 1024' };
const alert = { code: 'ERR_SOCKET_TLS_ALERT', alert: 40 };
const notOffered = { ...alert, node: null, why: 'rustls offers no such signatures' };
const anotherWord = { node: /^ERR_SSL_.*ALERT/, why: 'an alert has one code, and its number is in the error' };

export const keys = [
  ...['P-256', 'P-384', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519'].map((keyType) => ({
    what: `with a key of ${keyType}`,
    make: byRoot({ keyType }),
    code: null,
  })),
  {
    what: 'with a key of P-521',
    make: byRoot({ keyType: 'P-521' }),
    code: null,
    // In TLS 1.2 a server built on OpenSSL takes the curves of the key exchange for those of certificates too.
    tls12: 'ERR_SOCKET_TLS_ALERT',
    ring: 'ERR_SOCKET_TLS_ALERT',
  },
  ...['P-384', 'RSA-2048', 'RSA-4096', 'Ed25519'].map((keyType) => ({
    what: `by a root with a key of ${keyType}`,
    make: under({ keyType }),
    code: null,
  })),
  {
    what: 'by a root with a key of P-521',
    make: under({ keyType: 'P-521' }),
    code: null,
    ring: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
  },
  ...['sha256', 'sha384', 'sha512'].map((digest) => ({
    what: `signed by RSA with ${digest}`,
    make: under({ keyType: 'RSA-2048' }, { digest }),
    code: null,
  })),
  { what: 'signed by RSA with PSS', make: under({ keyType: 'RSA-2048' }, { pss: true }), code: null },
  { what: 'signed by P-256 with sha384', make: byRoot({ digest: 'sha384' }), code: null },
  { what: 'signed by P-384 with sha256', make: under({ keyType: 'P-384' }, { digest: 'sha256' }), code: null },
  { what: 'by a trusted root signed with sha1', make: under({ keyType: 'RSA-2048', digest: 'sha1' }), code: null },
  { what: 'with a key of Ed448', make: byRoot({ keyType: 'Ed448' }), ...notOffered },
  { what: 'with a key for RSA-PSS alone', make: byRoot({ keyType: 'RSA-PSS' }), ...notOffered },
  { what: 'with a key of secp256k1', make: byRoot({ keyType: 'secp256k1' }), ...alert, ...anotherWord },
  {
    what: 'by a root with a key of Ed448',
    make: under({ keyType: 'Ed448' }),
    code: 'UNSUPPORTED_SIGNATURE_ALGORITHM',
    node: null,
    why: 'rustls verifies no such signatures',
  },
];

export const weakness = [
  ...['sha1', 'md5'].map((digest) => ({
    what: `signed by RSA with ${digest}`,
    make: under({ keyType: 'RSA-2048' }, { digest }),
    code: 'CA_MD_TOO_WEAK',
    ...unnamed,
  })),
  { what: 'signed by P-256 with sha1', make: byRoot({ digest: 'sha1' }), code: 'CA_MD_TOO_WEAK', ...unnamed },
  {
    what: 'by an intermediate signed with sha1',
    make: through({ digest: 'sha1' }),
    code: 'CA_MD_TOO_WEAK',
    ...unnamed,
  },
  { what: 'with a key of RSA-1024', make: byRoot({ keyType: 'RSA-1024' }), code: 'EE_KEY_TOO_SMALL', ...tooSmall },
  {
    what: 'with a key of RSA-512',
    make: byRoot({ keyType: 'RSA-512' }),
    code: 'EE_KEY_TOO_SMALL',
    // It has no room for a signature of TLS 1.3.
    server: { maxVersion: 'TLSv1.2' },
    ...unnamed,
  },
  {
    what: 'trusted itself, with a key of RSA-1024',
    make: trusted({ keyType: 'RSA-1024' }),
    code: 'EE_KEY_TOO_SMALL',
    ...tooSmall,
  },
  {
    what: 'by an intermediate with a key of RSA-1024',
    make: through({ keyType: 'RSA-1024' }),
    code: 'CA_KEY_TOO_SMALL',
    ...tooSmall,
  },
  {
    what: 'by a trusted root with a key of RSA-1024',
    make: under({ keyType: 'RSA-1024' }),
    code: 'CA_KEY_TOO_SMALL',
    ...tooSmall,
  },
];

const make = byRoot({ keyType: 'RSA-2048' });
const modern = { ...alert, node: null, why: 'rustls offers forward secrecy and authenticated encryption alone' };
const tls12 = (ciphers, options) => ({ maxVersion: 'TLSv1.2', ciphers, ...options });

const prime = BigInt(`0x${createDiffieHellmanGroup('modp2').getPrime('hex')}`);
const parameters = sequence(integer(prime), integer(2));
const dhparam = `-----BEGIN DH PARAMETERS-----\n${parameters.toString('base64')}\n-----END DH PARAMETERS-----\n`;

// RC4 and 3DES are not among them: Node's OpenSSL has none to offer.
export const protocols = [
  ...['TLSv1', 'TLSv1.1'].map((version) => ({
    what: `of a server that speaks ${version} alone`,
    server: { minVersion: version, maxVersion: version },
    code: 'ERR_SOCKET_TLS_ALERT',
    alert: 70,
    ...anotherWord,
  })),
  { what: 'of a server with CBC alone', server: tls12('ECDHE-RSA-AES128-SHA256'), ...modern },
  { what: 'of a server with CBC and SHA-1 alone', server: tls12('ECDHE-RSA-AES128-SHA'), ...modern },
  { what: 'of a server with key exchange by RSA alone', server: tls12('AES128-GCM-SHA256'), ...modern },
  {
    what: 'of a server with Diffie-Hellman on 2048 bits alone',
    server: tls12('DHE-RSA-AES128-GCM-SHA256', { dhparam: 'auto' }),
    ...modern,
  },
  {
    what: 'of a server with Diffie-Hellman on 1024 bits alone',
    server: tls12('DHE-RSA-AES128-GCM-SHA256', { dhparam }),
    ...modern,
    ...(major >= 24 && { node: 'ERR_SSL_DH_KEY_TOO_SMALL' }),
  },
  { what: 'of a server with no encryption alone', server: tls12('eNULL'), ...alert, ...anotherWord },
  { what: 'of a server with anonymous key exchange alone', server: tls12('aNULL'), ...alert, ...anotherWord },
].map((each) => ({ make, ...each }));
