// What a certificate, and its issuers, may be used for.

import { extension } from '../forge.mjs';
import { authority, byRoot, HOST, leaf, through, trusted, under, unnamed } from './make.mjs';

const { basicConstraints, extendedKeyUsage, keyUsage, nameConstraints, unknown } = extension;

const lastFault = {
  node: 'INVALID_PURPOSE',
  why: 'OpenSSL finds INVALID_CA first and goes on; Node tells the last fault',
};
// OpenSSL's own server finds no use for such a certificate in TLS 1.2.
const unsuitable = { tls12: 'ERR_SOCKET_TLS_ALERT' };
const noOther = { changes: { basicConstraints: basicConstraints(true, 0) } };

const constrained = (constraints, names, host) =>
  through({ changes: { nameConstraints: nameConstraints(constraints) } }, { names }, host);

export const authorities = [
  {
    what: 'by an intermediate that is no authority',
    make: through({ changes: { basicConstraints: basicConstraints(false) } }),
    code: 'INVALID_CA',
    ...lastFault,
  },
  {
    what: 'by an intermediate without basic constraints',
    make: through({ changes: { basicConstraints: false } }),
    code: 'INVALID_CA',
  },
  {
    what: 'by an intermediate that may not sign certificates',
    make: through({ changes: { keyUsage: keyUsage('digitalSignature') } }),
    code: 'INVALID_CA',
    ...unnamed,
  },
  { what: 'by an intermediate without key usage', make: through({ changes: { keyUsage: false } }), code: null },
  {
    what: 'by an intermediate for clients',
    make: through({ changes: { purpose: extendedKeyUsage('clientAuth') } }),
    code: 'INVALID_PURPOSE',
  },
  {
    what: 'by an intermediate for servers',
    make: through({ changes: { purpose: extendedKeyUsage('serverAuth', 'clientAuth') } }),
    code: null,
  },
  {
    what: 'by a trusted root that is no authority',
    make: under({ changes: { basicConstraints: basicConstraints(false) } }),
    code: 'INVALID_CA',
    ...lastFault,
  },
  {
    what: 'by a trusted root without basic constraints',
    make: under({ changes: { basicConstraints: false } }),
    code: null,
  },
  {
    what: 'by a trusted root without any extension',
    make: under({ changes: { basicConstraints: false, keyUsage: false }, identifiers: false }),
    code: 'INVALID_CA',
    ...lastFault,
  },
  {
    what: 'by a trusted root that may not sign certificates',
    make: under({ changes: { keyUsage: keyUsage('digitalSignature') } }),
    code: 'INVALID_CA',
    ...unnamed,
  },
  {
    what: 'by a trusted root for clients',
    make: under({ changes: { purpose: extendedKeyUsage('clientAuth') } }),
    code: 'INVALID_PURPOSE',
  },
  {
    what: 'by another authority below one that allows none',
    make: (pki) => {
      const upper = authority('Upper', pki.root, noOther);
      const lower = authority('Lower', upper);
      return { chain: [leaf(lower), lower, upper] };
    },
    code: 'PATH_LENGTH_EXCEEDED',
  },
  { what: 'by an authority that allows no other below it', make: through(noOther), code: null },
  {
    what: 'by another authority below a trusted root that allows none',
    make: () => {
      const root = authority('Own Root', undefined, noOther);
      const lower = authority('Lower', root);
      return { chain: [leaf(lower), lower], ca: [root] };
    },
    code: 'PATH_LENGTH_EXCEEDED',
  },
];

export const constraints = [
  { what: 'below a permitted name', make: constrained({ permitted: ['test'] }, [HOST]), code: null },
  {
    what: 'for a name that is not permitted',
    make: constrained({ permitted: ['example.test'] }, [HOST]),
    code: 'PERMITTED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'with a second name that is not permitted',
    make: constrained({ permitted: [HOST] }, [HOST, 'other.test']),
    code: 'PERMITTED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'for an excluded name',
    make: constrained({ excluded: [HOST] }, [HOST]),
    code: 'EXCLUDED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'below an excluded name',
    make: constrained({ excluded: ['test'] }, [HOST]),
    code: 'EXCLUDED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'for an excluded name below a permitted one',
    make: constrained({ permitted: ['test'], excluded: [HOST] }, [HOST]),
    code: 'EXCLUDED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'beside an excluded name',
    make: constrained({ excluded: ['other.test'] }, [HOST]),
    code: null,
  },
  {
    what: 'for a permitted address',
    make: constrained({ permitted: ['127.0.0.0/255.0.0.0'] }, ['127.0.0.1'], '127.0.0.1'),
    code: null,
  },
  {
    what: 'for an address that is not permitted',
    make: constrained({ permitted: ['10.0.0.0/255.0.0.0'] }, ['127.0.0.1'], '127.0.0.1'),
    code: 'PERMITTED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'for an excluded address',
    make: constrained({ excluded: ['127.0.0.0/255.0.0.0'] }, ['127.0.0.1'], '127.0.0.1'),
    code: 'EXCLUDED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'for an excluded IPv6 address',
    make: constrained({ excluded: ['2001:db8::/ffff:ffff::'] }, ['2001:db8::7'], '2001:db8::7'),
    code: 'EXCLUDED_VIOLATION',
    ...unnamed,
  },
  {
    what: 'for a name that its trusted root is not permitted',
    make: under({ changes: { nameConstraints: nameConstraints({ permitted: ['example.test'] }) } }),
    code: 'PERMITTED_VIOLATION',
    ...unnamed,
  },
];

export const usages = [
  {
    what: 'for clients only',
    make: byRoot({ changes: { extendedKeyUsage: extendedKeyUsage('clientAuth') } }),
    code: 'INVALID_PURPOSE',
  },
  {
    what: 'for signing code only',
    make: byRoot({ changes: { extendedKeyUsage: extendedKeyUsage('codeSigning') } }),
    code: 'INVALID_PURPOSE',
  },
  {
    what: 'for any purpose, and servers not among them',
    make: byRoot({ changes: { extendedKeyUsage: extendedKeyUsage('any') } }),
    code: 'INVALID_PURPOSE',
  },
  { what: 'without extended key usage', make: byRoot({ changes: { extendedKeyUsage: false } }), code: null },
  { what: 'without key usage', make: byRoot({ changes: { keyUsage: false } }), code: null },
  {
    what: 'whose key may sign revocation lists only',
    make: byRoot({ changes: { keyUsage: keyUsage('cRLSign') } }),
    code: 'INVALID_PURPOSE',
    ...unsuitable,
  },
  {
    what: 'whose RSA key may encipher keys only',
    make: byRoot({ keyType: 'RSA-2048', changes: { keyUsage: keyUsage('keyEncipherment') } }),
    code: null,
  },
  {
    what: 'trusted itself and for clients only',
    make: trusted({ changes: { extendedKeyUsage: extendedKeyUsage('clientAuth') } }),
    code: 'INVALID_PURPOSE',
  },
  {
    what: 'trusted itself, its key for revocation lists only',
    make: trusted({ changes: { keyUsage: keyUsage('cRLSign') } }),
    code: 'INVALID_PURPOSE',
    ...unsuitable,
  },
  { what: 'with an unknown extension', make: byRoot({ changes: { unknown: unknown(false) } }), code: null },
  {
    what: 'with an unknown critical extension',
    make: byRoot({ changes: { unknown: unknown(true) } }),
    code: 'UNHANDLED_CRITICAL_EXTENSION',
    ...unnamed,
  },
  {
    what: 'by an intermediate with an unknown critical extension',
    make: through({ changes: { unknown: unknown(true) } }),
    code: 'UNHANDLED_CRITICAL_EXTENSION',
    ...unnamed,
  },
  {
    what: 'by a trusted root with an unknown critical extension',
    make: under({ changes: { unknown: unknown(true) } }),
    code: 'UNHANDLED_CRITICAL_EXTENSION',
    ...unnamed,
  },
  {
    what: 'trusted itself, with an unknown critical extension',
    make: trusted({ changes: { unknown: unknown(true) } }),
    code: 'UNHANDLED_CRITICAL_EXTENSION',
    ...unnamed,
  },
  {
    what: 'with an extension that is there twice',
    make: byRoot({ changes: { more: extension.alternativeNames([HOST]) } }),
    code: 'CERT_REJECTED',
    ...unsuitable,
    node: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    why: 'a certificate that breaks the rules is told as such; OpenSSL looks for no issuer of it',
  },
];
