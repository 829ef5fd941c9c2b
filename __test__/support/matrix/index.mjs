// The certificates of servers that a client has to judge, and the verdict on each.
//
// A case says `what` is presented, and `make` makes it: the `chain` as sent, and, where they are not the usual ones, the
// trusted certificates (`ca`) and the `host` connected to. `code` is that of the refusal; null accepts.
// - `node` is the code of Node's own client where it is another one, and `why` the reason.
// - `alert` is the number of the server's alert, `server` what its TLS is limited to.
// - `tls12` and `ring` are the codes with TLS 1.2 and with that provider, where they are other ones.

import { HOST, makeAuthorities } from './make.mjs';
import { names } from './names.mjs';
import { keys, protocols, weakness } from './strength.mjs';
import { chains, dates, trust, versions } from './trust.mjs';
import { authorities, constraints, usages } from './uses.mjs';

export { HOST, makeAuthorities };

/** A case as options of Node: `server` for a server that presents it, `ca` for its client, and the `host` connected to. */
export function present({ make, server }, pki) {
  const { chain, ca = [pki.root], host = HOST } = make(pki);
  const key = chain[0].keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const cert = chain.map(({ pem }) => pem).join('');
  // The server is content with anything: it is the client that has to judge.
  const ciphers = `${server?.ciphers ?? 'DEFAULT'}:@SECLEVEL=0`;
  return { server: { ...server, cert, key, ciphers }, ca: ca.map(({ pem }) => pem), host };
}

export const cases = [
  ...dates,
  ...names,
  ...trust,
  ...chains,
  ...versions,
  ...authorities,
  ...constraints,
  ...usages,
  ...keys,
  ...weakness,
  ...protocols,
];
