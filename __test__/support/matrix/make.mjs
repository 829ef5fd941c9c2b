// The certificates that the cases of the matrix are built from.

import { extension, forge, generateKeys, inDays } from '../forge.mjs';

/** The name that servers are reached by, unless a case says otherwise. */
export const HOST = 'server.test';

export const expired = { notBefore: inDays(-3), notAfter: inDays(-1) };
export const early = { notBefore: inDays(1), notAfter: inDays(3) };

/** Why Node's code is another one, of the many cases that share a reason. */
export const unnamed = { node: 'UNSPECIFIED', why: "the name is OpenSSL's; Node has none for it" };

/** RSA keys take long to make, and whose they are does not matter: one for servers and one for authorities of each size. */
const rsaKeys = new Map();

function keysFor(role, type) {
  if (!type?.startsWith('RSA')) return generateKeys(type);
  const wanted = `${role} ${type}`;
  if (!rsaKeys.has(wanted)) rsaKeys.set(wanted, generateKeys(type));
  return rsaKeys.get(wanted);
}

/** An authority; `changes` replace single extensions, false leaves one out. */
export function authority(subject, issuer, { changes, keyType, ...options } = {}) {
  const extensions = {
    basicConstraints: extension.basicConstraints(true),
    keyUsage: extension.keyUsage('keyCertSign', 'cRLSign'),
    ...changes,
  };
  const keys = keysFor('authority', keyType);
  return forge({ subject, issuer, keys, extensions: Object.values(extensions).filter(Boolean), ...options });
}

/** The certificate of a server. */
export function leaf(issuer, { names = [HOST], changes, keyType, ...options } = {}) {
  const extensions = {
    basicConstraints: extension.basicConstraints(false),
    keyUsage: extension.keyUsage('digitalSignature'),
    extendedKeyUsage: extension.extendedKeyUsage('serverAuth'),
    alternativeNames: names.length > 0 && extension.alternativeNames(names),
    ...changes,
  };
  const keys = keysFor('server', keyType);
  return forge({ issuer, keys, extensions: Object.values(extensions).filter(Boolean), ...options });
}

/** What most cases build on: a root that is trusted, an authority below it, and a root that is not trusted. */
export function makeAuthorities() {
  const root = authority('Root');
  return { root, intermediate: authority('Intermediate', root), stranger: authority('Stranger') };
}

/** A leaf of the root's with these options, sent alone. */
export const byRoot = (options, host) => (pki) => ({ chain: [leaf(pki.root, options)], host });

/** An authority below the root with these options, and a leaf of its. */
export const through = (options, leafOptions, host) => (pki) => {
  const middle = authority('Middle', pki.root, options);
  return { chain: [leaf(middle, leafOptions), middle], host };
};

/** A root with these options, which is trusted, and a leaf of its sent alone. */
export const under = (options, leafOptions) => () => {
  const root = authority('Own Root', undefined, options);
  return { chain: [leaf(root, leafOptions)], ca: [root] };
};

/** A certificate that is trusted itself. */
export const trusted = (options) => () => {
  const own = leaf(undefined, options);
  return { chain: [own], ca: [own] };
};
