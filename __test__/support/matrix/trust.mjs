// When a certificate is valid, who vouches for it, and how the chain is sent.

import { printable } from '../der.mjs';
import { distinguishedName, extension, generateKeys } from '../forge.mjs';
import { authority, byRoot, early, expired, HOST, leaf, through, trusted, under } from './make.mjs';

const partial = 'who is trusted is trusted, a root or not; Node asks for allowPartialTrustChain';
const asAuthority = { changes: { basicConstraints: extension.basicConstraints(true) } };

/** Two certificates for the same authority. */
function twins(subject, [first, second], options = [{}, {}]) {
  const keys = generateKeys();
  return [first, second].map((issuer, index) => authority(subject, issuer, { keys, ...options[index] }));
}

/** A leaf below so many intermediates. */
const tall = (height) => (pki) => {
  const chain = [];
  for (let level = 1; level <= height; level += 1) chain.unshift(authority(`Level ${level}`, chain[0] ?? pki.root));
  return { chain: [leaf(chain[0]), ...chain] };
};

export const dates = [
  { what: 'expired', make: byRoot(expired), code: 'CERT_HAS_EXPIRED' },
  { what: 'not valid yet', make: byRoot(early), code: 'CERT_NOT_YET_VALID' },
  { what: 'valid until after 2050', make: byRoot({ notAfter: new Date('2060-01-01T00:00:00Z') }), code: null },
  { what: 'by an expired intermediate', make: through(expired), code: 'CERT_HAS_EXPIRED' },
  { what: 'by an intermediate not valid yet', make: through(early), code: 'CERT_NOT_YET_VALID' },
  { what: 'by a trusted root that has expired', make: under(expired), code: 'CERT_HAS_EXPIRED' },
  { what: 'by a trusted root not valid yet', make: under(early), code: 'CERT_NOT_YET_VALID' },
  { what: 'trusted itself and expired', make: trusted(expired), code: 'CERT_HAS_EXPIRED' },
  { what: 'trusted itself and not valid yet', make: trusted(early), code: 'CERT_NOT_YET_VALID' },
  {
    what: 'expired and for another name',
    make: byRoot({ names: ['other.test'], ...expired }),
    code: 'CERT_HAS_EXPIRED',
  },
  { what: 'expired and self-signed', make: () => ({ chain: [leaf(undefined, expired)] }), code: 'CERT_HAS_EXPIRED' },
];

export const trust = [
  { what: 'by a trusted root', make: byRoot(), code: null },
  { what: 'by an intermediate', make: (pki) => ({ chain: [leaf(pki.intermediate), pki.intermediate] }), code: null },
  { what: 'self-signed', make: () => ({ chain: [leaf()] }), code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  {
    what: 'self-signed and marked as an authority',
    make: () => ({ chain: [leaf(undefined, asAuthority)] }),
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  },
  {
    what: 'self-signed under the name of the trusted root',
    make: () => ({ chain: [leaf(undefined, { subject: 'Root' })] }),
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  },
  {
    what: 'by an unknown root',
    make: (pki) => ({ chain: [leaf(pki.stranger)] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    what: 'by an unknown root that is sent along',
    make: (pki) => ({ chain: [leaf(pki.stranger), pki.stranger] }),
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
  },
  {
    what: 'by an unknown root, through an intermediate',
    make: (pki) => {
      const middle = authority('Middle', pki.stranger);
      return { chain: [leaf(middle), middle] };
    },
    code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  },
  {
    what: 'sent without its intermediate',
    make: (pki) => ({ chain: [leaf(pki.intermediate)] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    what: 'sent without the upper of two intermediates',
    make: (pki) => {
      const lower = authority('Lower', pki.intermediate);
      return { chain: [leaf(lower), lower] };
    },
    code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  },
  {
    what: 'with nobody trusted',
    make: (pki) => ({ ...byRoot()(pki), ca: [] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    what: 'by an authority of the trusted name with another key',
    make: () => ({ chain: [leaf(authority('Root'))] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    what: 'by an authority of the trusted name with another key, and no identifiers of keys',
    make: () => {
      const [one, other] = [1, 2].map(() => authority('Plain Root', undefined, { identifiers: false }));
      return { chain: [leaf(one, { identifiers: false })], ca: [other] };
    },
    code: 'CERT_SIGNATURE_FAILURE',
  },
  { what: 'with a signature that is wrong', make: byRoot({ tamper: true }), code: 'CERT_SIGNATURE_FAILURE' },
  {
    what: 'by an intermediate with a signature that is wrong',
    make: through({ tamper: true }),
    code: 'CERT_SIGNATURE_FAILURE',
  },
  { what: 'trusted itself', make: trusted(), code: null },
  { what: 'trusted itself and marked as an authority', make: trusted(asAuthority), code: null },
  {
    what: 'trusted itself, by an issuer who is not',
    make: (pki) => {
      const own = leaf(pki.stranger);
      return { chain: [own], ca: [own] };
    },
    code: null,
    node: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    why: partial,
  },
  {
    what: 'by a trusted intermediate whose root is not trusted',
    make: (pki) => ({ chain: [leaf(pki.intermediate), pki.intermediate], ca: [pki.intermediate] }),
    code: null,
    node: 'UNABLE_TO_GET_ISSUER_CERT',
    why: partial,
  },
  {
    what: 'marked as an authority, by a trusted root',
    make: byRoot(asAuthority),
    code: 'INVALID_PURPOSE',
    node: null,
    why: 'an authority is no server, unless its certificate is trusted itself',
  },
];

export const chains = [
  {
    what: 'with its intermediates in reverse order',
    make: (pki) => {
      const lower = authority('Lower', pki.intermediate);
      return { chain: [leaf(lower), pki.intermediate, lower] };
    },
    code: null,
  },
  {
    what: 'with an unrelated certificate between',
    make: (pki) => ({ chain: [leaf(pki.intermediate), pki.stranger, pki.intermediate] }),
    code: null,
  },
  {
    what: 'sent twice',
    make: (pki) => {
      const own = leaf(pki.intermediate);
      return { chain: [own, own, pki.intermediate] };
    },
    code: null,
  },
  {
    what: 'with its root sent along',
    make: (pki) => ({ chain: [leaf(pki.intermediate), pki.intermediate, pki.root] }),
    code: null,
  },
  {
    what: 'by a cross-signed intermediate, the unknown root first',
    make: (pki) => {
      const [unknown, known] = twins('Crossed', [pki.stranger, pki.root]);
      return { chain: [leaf(known), unknown, known] };
    },
    code: null,
    node: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    why: 'every chain that can be built is tried; OpenSSL follows the first',
  },
  {
    what: 'by a cross-signed intermediate, the known root first',
    make: (pki) => {
      const [known, unknown] = twins('Crossed', [pki.root, pki.stranger]);
      return { chain: [leaf(known), known, unknown] };
    },
    code: null,
  },
  {
    what: 'by a renewed intermediate, the expired one first',
    make: (pki) => {
      const [old, renewed] = twins('Renewed', [pki.root, pki.root], [expired, {}]);
      return { chain: [leaf(renewed), old, renewed] };
    },
    code: null,
  },
  {
    what: 'by a renewed root, the expired one trusted too',
    make: () => {
      const ca = twins('Renewed Root', [], [expired, {}]);
      return { chain: [leaf(ca[1])], ca };
    },
    code: null,
  },
  {
    what: 'by a new root, with its link to the trusted old one',
    make: (pki) => {
      const link = authority('New Root', pki.root);
      return { chain: [leaf(link), link] };
    },
    code: null,
  },
  { what: 'below six intermediates', make: tall(6), code: null },
  {
    what: 'below seven intermediates',
    make: tall(7),
    code: 'CERT_CHAIN_TOO_LONG',
    node: null,
    why: 'chains have six intermediates at most',
  },
  { what: 'with serial number 0', make: byRoot({ serial: 0 }), code: null },
  { what: 'with a negative serial number', make: byRoot({ serial: Buffer.from([0x80]) }), code: null },
  { what: 'with a serial number of 40 bytes', make: byRoot({ serial: Buffer.alloc(40, 0x11) }), code: null },
  {
    what: 'by a trusted root without a name',
    make: () => {
      const root = authority('');
      return { chain: [leaf(root)], ca: [root] };
    },
    code: null,
  },
  {
    what: 'that writes the name of its issuer in another kind of text',
    make: byRootWritten(printable),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    node: null,
    why: 'names of issuers are compared byte by byte',
  },
];

function byRootWritten(encode) {
  return (pki) => ({ chain: [leaf(pki.root, { issuerName: distinguishedName('Root', encode) })] });
}

const firstVersion = { version: 1, subject: HOST };

export const versions = [
  { what: 'of X.509 version 1, trusted itself', make: trusted(firstVersion), code: null },
  {
    what: 'of X.509 version 1, trusted itself, for another name',
    make: trusted({ version: 1, subject: 'other.test' }),
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  },
  {
    what: 'of X.509 version 1, self-signed',
    make: () => ({ chain: [leaf(undefined, firstVersion)] }),
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  },
  {
    what: 'of X.509 version 1, by an unknown root',
    make: (pki) => ({ chain: [leaf(pki.stranger, firstVersion)] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
  {
    what: 'of X.509 version 1, by a trusted root',
    make: byRoot(firstVersion),
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    node: null,
    why: 'it has no alternative names; the common name of a certificate that somebody else issued does not count',
  },
  { what: 'by a trusted root of X.509 version 1', make: under({ version: 1 }), code: null },
  {
    what: 'by an intermediate of X.509 version 1',
    make: through({ version: 1 }),
    code: 'INVALID_CA',
    node: 'INVALID_PURPOSE',
    why: 'OpenSSL finds INVALID_CA first and goes on; Node tells the last fault',
  },
];
