// Which certificates are accepted, which are refused and under which code, beside Node's own client; and what a refusal
// leaves behind: nothing. The table is in support/matrix.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import {
  assertNothingArrived,
  assertSocketError,
  exchange,
  failureOf,
  limit,
  modes,
  onlyReading,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { cases, makeAuthorities, present } from './support/matrix/index.mjs';
import { inline, openDescriptors, root, runNode, until } from './support/process.mjs';
import { echo, overTls } from './support/servers.mjs';

/** Set by whoever runs this with an addon built on another provider than the default. */
const provider = process.env.PROVIDER ?? 'aws-lc';
const isAddress = (host) => /^[\d.]+$|:/.test(host);

watchDescriptors();

/** What each case presents. */
const presented = new Map();

before(() => {
  const pki = makeAuthorities();
  for (const each of cases) presented.set(each, present(each, pki));
});

function codeFor({ code, server, tls12, ring }, version) {
  if (provider === 'ring' && ring !== undefined) return ring;
  const isOld = version === 'TLSv1.2' || server?.maxVersion === 'TLSv1.2';
  return isOld && tls12 !== undefined ? tls12 : code;
}

/** The options under which our client reaches a case by its name or address. */
function dialling({ ca, host }) {
  return isAddress(host) ? [{ ca, servername: host }] : [{ ca }, { hostname: host }];
}

test('no case is there twice, and each that differs in Node says why, as docs/trust.md does', () => {
  assert.equal(new Set(cases.map(({ what }) => what)).size, cases.length);
  const documented = readFileSync(join(root, 'docs', 'trust.md'), 'utf8');
  for (const { what, node, why } of cases) {
    assert.equal(node !== undefined, why !== undefined, what);
    if (why) assert.ok(documented.includes(` | ${why} |`), `docs/trust.md does not say: ${why}`);
  }
});

for (const { name, wrap, open } of modes) {
  describe(name, limit, () => {
    for (const each of cases) {
      for (const version of each.server?.maxVersion ? [undefined] : ['TLSv1.2', 'TLSv1.3']) {
        const code = codeFor(each, version);
        const verdict = code === null ? 'accepted' : `refused as ${code}, and nothing leaves`;
        test(`[B5] [D2] ${version ?? each.server.maxVersion}: a certificate ${each.what} is ${verdict}`, async (t) => {
          const { server: options, ...target } = presented.get(each);
          const server = await served(t, wrap({ maxVersion: version, ...options }, echo()));
          const before = openDescriptors();
          const socket = await open(t, server, ...dialling(target));
          if (code === null) {
            await socket.opened;
            assert.equal(await exchange(socket, 'hello'), 'hello');
            return;
          }
          const isAlert = code === 'ERR_SOCKET_TLS_ALERT';
          const expected = { code, address: server.host, port: server.port };
          assertSocketError(await failureOf(socket), { ...expected, alert: isAlert ? (each.alert ?? 40) : undefined });
          const log = await server.connection(0);
          await assertNothingArrived(log);
          // By an alert, unless it is still sending its certificate.
          assert.match(
            (await log.secured).error,
            /^ERR_SSL_|^ECONNRESET$|^EPIPE$/,
            'the handshake fails for the server too',
          );
          await until(() => openDescriptors() <= before, { what: 'the descriptor is returned' });
        });
      }
    }
  });
}

describe("Node's own tls.connect", limit, () => {
  for (const each of cases) {
    const expected = each.node === undefined ? each.code : each.node;
    const verdict = expected === null ? 'accepts' : `refuses as ${expected}`;
    test(`[B5] ${verdict} a certificate ${each.what}${each.why ? `: ${each.why}` : ''}`, async (t) => {
      const { server: options, ca, host } = presented.get(each);
      const server = await served(t, overTls(options, echo()));
      const code = await codeInNode(t, server, { ca, host, servername: isAddress(host) ? '' : host });
      if (expected instanceof RegExp) assert.match(code, expected);
      else assert.equal(code, expected);
    });
  }
});

describe('a program', limit, () => {
  for (const { name, secureTransport, wrap } of modes) {
    test(`[B6] [C6] [D1] that only reads sees each refusal in its read, and exits, ${name}`, async (t) => {
      // One case of each code.
      const refusals = new Map(cases.map((each) => [codeFor(each), each]));
      refusals.delete(null);
      const servers = [];
      for (const each of refusals.values()) {
        const { server: options, ca, host } = presented.get(each);
        const { port } = await served(t, wrap(options, echo()));
        servers.push({ port, tls: { ca, servername: host } });
      }
      const env = { SERVERS: JSON.stringify({ mode: secureTransport, servers }) };
      const { code, signal, stdout, stderr } = await runNode(inline(onlyReading), { env });
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
      assert.deepEqual(stdout.trim().split('\n'), [...refusals.keys()]);
    });
  }
});

/** The code under which Node's client refuses a server that it believes to be `host`; null if it accepts it. */
async function codeInNode(t, { port }, options) {
  const socket = connectTls({ ...options, socket: connectTcp(port, '127.0.0.1') });
  t.after(() => socket.destroy());
  try {
    await once(socket, 'secureConnect');
    return null;
  } catch ({ code }) {
    return code;
  }
}
