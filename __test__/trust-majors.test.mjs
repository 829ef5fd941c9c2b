// Whom the package trusts by default is whom Node trusts, on every major and with every setting: the table of docs/trust.md.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodeMajors } from '../scripts/node-majors.mjs';
import { createAuthority } from './support/certs.mjs';
import { oid, sequence, set, utf8 } from './support/der.mjs';
import { inline, root, runNode } from './support/process.mjs';
import { closer, overTls, serve } from './support/servers.mjs';

/** The certificate of the server's authority is in FILE, HASHED and NAMED, or not in any file at all. */
const settings = {
  nothing: {},
  'NODE_EXTRA_CA_CERTS=FILE': { env: { NODE_EXTRA_CA_CERTS: 'FILE' } },
  'SSL_CERT_FILE=FILE': { env: { SSL_CERT_FILE: 'FILE' } },
  '--use-bundled-ca, SSL_CERT_FILE=FILE': { flags: ['--use-bundled-ca'], env: { SSL_CERT_FILE: 'FILE' } },
  '--use-system-ca, SSL_CERT_FILE=FILE': { flags: ['--use-system-ca'], env: { SSL_CERT_FILE: 'FILE' } },
  '--use-system-ca, NODE_EXTRA_CA_CERTS=FILE': { flags: ['--use-system-ca'], env: { NODE_EXTRA_CA_CERTS: 'FILE' } },
  'NODE_USE_SYSTEM_CA=1, SSL_CERT_FILE=FILE': { env: { NODE_USE_SYSTEM_CA: '1', SSL_CERT_FILE: 'FILE' } },
  '--use-openssl-ca, SSL_CERT_FILE=FILE': { flags: ['--use-openssl-ca'], env: { SSL_CERT_FILE: 'FILE' } },
  'NODE_OPTIONS=--use-openssl-ca, SSL_CERT_FILE=FILE': {
    env: { NODE_OPTIONS: '--use-openssl-ca', SSL_CERT_FILE: 'FILE' },
  },
  '--use-openssl-ca, SSL_CERT_DIR with it by its hash': {
    flags: ['--use-openssl-ca'],
    env: { SSL_CERT_DIR: 'HASHED' },
  },
  '--use-openssl-ca, SSL_CERT_DIR with it by another name': {
    flags: ['--use-openssl-ca'],
    env: { SSL_CERT_DIR: 'NAMED' },
  },
  '--use-openssl-ca, NODE_EXTRA_CA_CERTS=FILE': { flags: ['--use-openssl-ca'], env: { NODE_EXTRA_CA_CERTS: 'FILE' } },
  'tls.setDefaultCACertificates() with it': { before: 'tls.setDefaultCACertificates([authority])' },
  'NODE_EXTRA_CA_CERTS=FILE, tls.setDefaultCACertificates() without it, after a session': {
    env: { NODE_EXTRA_CA_CERTS: 'FILE' },
    before: 'await ours(); await theirs(); tls.setDefaultCACertificates(tls.rootCertificates)',
  },
};

/** Prints whether the package and Node trust the server. */
const program = (before = '') => `
  import { once } from 'node:events';
  import { createRequire } from 'node:module';
  import tls from 'node:tls';
  const { packageRoot, port, authority } = JSON.parse(process.env.TRUST);
  const { connect } = createRequire(packageRoot)('winter-sockets');
  async function ours() {
    const socket = connect({ hostname: '127.0.0.1', port }, { secureTransport: 'on' });
    try {
      await socket.opened;
      await new Response(socket.readable).text();
      return true;
    } catch (error) {
      if (error.code !== 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') throw error;
      return false;
    } finally {
      await socket.close().catch(() => {});
    }
  }
  async function theirs() {
    const socket = tls.connect({ host: '127.0.0.1', port });
    try {
      await once(socket, 'secureConnect');
      return true;
    } catch (error) {
      if (error.code !== 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') throw error;
      return false;
    } finally {
      socket.destroy();
    }
  }
  if (${JSON.stringify(before)} && !tls.setDefaultCACertificates) {
    console.log('null');
  } else {
    ${before};
    console.log(JSON.stringify([await ours(), await theirs()]));
  }`;

/** What the documentation says, by setting and major. */
const documented = new Map(
  readFileSync(join(root, 'docs', 'trust.md'), 'utf8')
    .match(/<!-- table: trust-majors -->\n([\s\S]*?)<!-- \/table -->/)[1]
    .split('\n')
    .filter((line) => line.startsWith('| `') || line.startsWith('| nothing'))
    .map((line) => {
      const [setting, ...cells] = line.slice(2, -2).split(' | ');
      return [setting.replaceAll('`', ''), cells];
    }),
);

let folder;
let server;
let authority;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trust-'));
  const made = await createAuthority('Root');
  authority = made.pem;
  const put = (path) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), authority);
  };
  put('root.pem');
  put('named/root.pem');
  put(`hashed/${hashOf('Root')}.0`);
  const { chain, key } = await made.issue();
  server = await serve(overTls({ cert: chain, key }, closer('x')));
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('the documentation has a row for each setting, and a column for each major', () => {
  assert.deepEqual([...documented.keys()], Object.keys(settings));
  for (const cells of documented.values()) assert.equal(cells.length, nodeMajors().length);
});

for (const [index, { major, path, missing }] of nodeMajors().entries()) {
  describe(`Node ${major} trusts`, { timeout: 120_000 }, () => {
    for (const [setting, { flags = [], env = {}, before: first }] of Object.entries(settings)) {
      const cell = documented.get(setting)?.[index];
      test(`with ${setting}: ${cell}`, { skip: missing }, async () => {
        const paths = { FILE: 'root.pem', HASHED: 'hashed', NAMED: 'named' };
        const variables = Object.fromEntries(
          Object.entries(env).map(([name, value]) => [name, value in paths ? join(folder, paths[value]) : value]),
        );
        const given = JSON.stringify({ packageRoot: root, port: server.port, authority });
        const { code, stdout, stderr } = await runNode([...flags, ...inline(program(first))], {
          node: path,
          env: { ...variables, TRUST: given },
        });
        assert.equal(outcome({ code, stdout, stderr }), cell, stderr);
      });
    }
  });
}

/** The outcome in the words of the table. */
function outcome({ code, stdout, stderr }) {
  if (code === 9 && /bad option/.test(stderr)) return 'no such flag';
  assert.equal(code, 0, stderr);
  const verdicts = JSON.parse(stdout);
  if (verdicts === null) return 'no such function';
  const [ours, theirs] = verdicts.map((isTrusted) => (isTrusted ? 'yes' : 'no'));
  return ours === theirs ? ours : `${ours}; Node: ${theirs}`;
}

/** The name by which OpenSSL finds the certificate of an authority with this common name. */
function hashOf(commonName) {
  const canonical = set(sequence(oid('2.5.4.3'), utf8(commonName.toLowerCase())));
  return createHash('sha1').update(canonical).digest().readUInt32LE().toString(16).padStart(8, '0');
}

// The test of the table sees who is trusted, not who is trusted no more.
const [{ path: oldest, missing: oldestMissing }] = nodeMajors();
test('with --use-openssl-ca the certificates that the oldest Node bundles count no more', {
  skip: oldestMissing,
}, async () => {
  const count = "import trust from './lib/trust.js'; console.log(trust.defaultTrust().length)";
  const counted = async (flags) => {
    const env = { SSL_CERT_FILE: join(folder, 'root.pem'), SSL_CERT_DIR: '' };
    return Number((await runNode([...flags, ...inline(count)], { node: oldest, env })).stdout);
  };
  assert.ok((await counted([])) > 100);
  assert.equal(await counted(['--use-openssl-ca']), 1);
});
