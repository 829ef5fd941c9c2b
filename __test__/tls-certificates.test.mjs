// Which certificates are refused, under which code, and what a refusal leaves behind: nothing.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createAuthority, inDays, selfSigned } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  failureOf,
  limit,
  modes,
  onlyReading,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import { overTls, sink } from './support/servers.mjs';

const past = { notBefore: inDays(-3), notAfter: inDays(-1) };
const future = { notBefore: inDays(1), notAfter: inDays(3) };

watchDescriptors();

let root;
/** What the server presents, by what is wrong with it. */
const presented = {};

/** What is wrong with a certificate, and the code of its refusal, which is Node's own. */
const refusals = [
  ['expired', 'CERT_HAS_EXPIRED'],
  ['not valid yet', 'CERT_NOT_YET_VALID'],
  ['for another name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['for no name but its common name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['self-signed and no authority', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['by an unknown authority', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['by an unknown authority that the server sends along', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ['by an unknown authority, through an intermediate', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ['sent without its intermediate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['by an expired intermediate', 'CERT_HAS_EXPIRED'],
  ['for clients only', 'INVALID_PURPOSE'],
];

before(async () => {
  root = await createAuthority('Root');
  const unknown = await createAuthority('Unknown Root');
  const intermediate = await root.intermediate('Intermediate');
  const unknownIntermediate = await unknown.intermediate('Unknown Intermediate');
  const expiredIntermediate = await root.intermediate('Expired Intermediate', past);
  const byUnknown = await unknown.issue();
  const byIntermediate = await intermediate.issue();
  Object.assign(presented, {
    expired: await root.issue(past),
    'not valid yet': await root.issue(future),
    'for another name': await root.issue({ names: ['db.test', '127.0.0.2'] }),
    'for no name but its common name': await root.issue({ names: [], commonName: '127.0.0.1' }),
    'self-signed': await selfSigned(),
    'self-signed and no authority': await selfSigned({ ca: false }),
    'by an unknown authority': byUnknown,
    'by an unknown authority that the server sends along': { ...byUnknown, chain: byUnknown.cert + unknown.pem },
    'by an unknown authority, through an intermediate': await unknownIntermediate.issue(),
    'sent without its intermediate': { ...byIntermediate, chain: byIntermediate.cert },
    'by an expired intermediate': await expiredIntermediate.issue(),
    'for clients only': await root.issue({ usage: 'client' }),
  });
});

const presenting = (what) => ({ cert: presented[what].chain, key: presented[what].key });

for (const { name, wrap, open } of modes) {
  describe(name, limit, () => {
    for (const [what, code] of refusals) {
      for (const version of ['TLSv1.2', 'TLSv1.3']) {
        test(`[B5] [D2] ${version}: a certificate ${what} is refused as ${code}, and nothing leaves`, async (t) => {
          const server = await served(t, wrap({ ...presenting(what), maxVersion: version }, sink()));
          const before = openDescriptors();
          const error = await failureOf(await open(t, server, { ca: root.pem }));
          assertSocketError(error, { code, address: server.host, port: server.port, alert: undefined });
          const log = await server.connection(0);
          await assertNothingArrived(log);
          assert.match((await log.secured).error, /^ERR_SSL_/, 'the server is told by an alert');
          await until(() => openDescriptors() <= before, { what: 'the descriptor is returned' });
        });
      }
    }
  });
}

describe("Node's own tls.connect", limit, () => {
  for (const [what, code] of refusals) {
    test(`[B5] has the same code for a certificate ${what}`, async (t) => {
      const server = await served(t, overTls(presenting(what), sink()));
      const socket = connectTls({ host: server.host, port: server.port, ca: root.pem });
      const [error] = await once(socket, 'error');
      assert.equal(error.code, code);
    });
  }
});

describe('a program', limit, () => {
  for (const { name, secureTransport, wrap } of modes) {
    test(`[B6] [C6] [D1] that only reads sees each refusal in its read, and exits, ${name}`, async (t) => {
      const servers = [];
      for (const [what] of refusals) servers.push(await served(t, wrap(presenting(what), sink())));
      const ports = servers.map(({ port }) => port);
      const env = { SERVERS: JSON.stringify({ mode: secureTransport, ca: root.pem, ports }) };
      const { code, signal, stdout, stderr } = await runNode(inline(onlyReading), { env });
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
      assert.deepEqual(
        stdout.trim().split('\n'),
        refusals.map(([, refusal]) => refusal),
      );
    });
  }
});
