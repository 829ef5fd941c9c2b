// Who may vouch for a server: the option `ca`, certificates that vouch for themselves, the environment, nobody.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createAuthority, inDays, selfSigned } from './support/certs.mjs';
import {
  assertNothingArrived,
  assertSocketError,
  exchange,
  failureOf,
  limit,
  modes,
  served,
  watchDescriptors,
} from './support/extra-tls.mjs';
import { extension, forge } from './support/forge.mjs';
import { inline, root as packageRoot, runNode } from './support/process.mjs';
import { echo, overTls } from './support/servers.mjs';

watchDescriptors();

let authority;
let other;
let intermediate;
/** Server credentials. */
let identity;
let throughIntermediate;
before(async () => {
  authority = await createAuthority('Root');
  other = await createAuthority('Other Root');
  intermediate = await authority.intermediate('Intermediate');
  const present = ({ chain, key }) => ({ cert: chain, key });
  identity = present(await authority.issue());
  throughIntermediate = present(await intermediate.issue());
});

for (const { name, wrap, open } of modes) {
  describe(`ca ${name}`, limit, () => {
    const forms = {
      'PEM text': () => authority.pem,
      'PEM in a Buffer': () => Buffer.from(authority.pem),
      'DER in a Uint8Array': () => authority.der,
      'a view within a larger buffer': () => Buffer.from(`12345${authority.pem}`).subarray(5),
      'an array of one': () => [authority.pem],
      'an array of several, in any form': () => [other.der, Buffer.from(authority.pem)],
      'several blocks in one text': () => other.pem + authority.pem,
      'text with comments around the blocks': () => `# roots\n\n${other.pem}\n# the one\n${authority.pem}\n# end`,
      'text with Windows line ends': () => authority.pem.replaceAll('\n', '\r\n'),
      'the same certificate twice': () => [authority.pem, authority.pem],
    };
    for (const [form, ca] of Object.entries(forms)) {
      test(`[D6] is taken as ${form}`, async (t) => {
        const server = await served(t, wrap(identity, echo()));
        const socket = await open(t, server, { ca: ca() });
        await socket.opened;
        assert.equal(await exchange(socket, 'hello'), 'hello');
      });
    }

    test('[D6] ends a chain at an intermediate authority that is trusted itself', async (t) => {
      const server = await served(t, wrap(throughIntermediate, echo()));
      await (await open(t, server, { ca: intermediate.pem })).opened;
    });

    test('[D6] without the right authority is refused; an empty array trusts nobody', async (t) => {
      const server = await served(t, wrap(identity, echo()));
      for (const [index, ca] of [other.pem, [], [other.pem, intermediate.pem]].entries()) {
        const error = await failureOf(await open(t, server, { ca }));
        assertSocketError(error, { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
        await assertNothingArrived(await server.connection(index));
      }
    });
  });

  describe(`a self-signed certificate as openssl makes it, given as ca, ${name}`, limit, () => {
    const certified = {
      'marked as an authority': {},
      'not marked as one': { ca: false },
      'with a common name only': { names: [], commonName: 'localhost' },
      'with a common name in capitals': { names: [], commonName: 'LOCALHOST' },
    };
    for (const [kind, options] of Object.entries(certified)) {
      test(`[D6] is accepted, ${kind}, as it is by Node's tls`, async (t) => {
        const { cert, key } = await selfSigned({ ...options, keyType: 'P-256' });
        const hostname = 'localhost';
        const server = await served(t, wrap({ cert, key }, echo()));
        const socket = await open(t, server, { ca: cert }, { hostname });
        await socket.opened;
        assert.equal(await exchange(socket, 'hello'), 'hello');
        assert.equal(await codeInNode(t, { cert, key }, hostname), null);
      });
    }

    for (const [kind, options, code] of [
      ['for another name', { names: ['other.test'] }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      ['whose common name is another', { names: [], commonName: 'other.test' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      ['whose common name does not count', { names: ['other.test'] }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
      ['that has expired', { notBefore: inDays(-3), notAfter: inDays(-1) }, 'CERT_HAS_EXPIRED'],
      ['that is not valid yet', { notBefore: inDays(1), notAfter: inDays(3) }, 'CERT_NOT_YET_VALID'],
    ]) {
      test(`[D6] is refused, ${kind}, under the code of Node's tls`, async (t) => {
        const { cert, key } = await selfSigned({ ...options, keyType: 'P-256' });
        const hostname = 'localhost';
        const server = await served(t, wrap({ cert, key }, echo()));
        const error = await failureOf(await open(t, server, { ca: cert }, { hostname }));
        assertSocketError(error, { code });
        await assertNothingArrived(await server.connection(0));
        assert.equal(await codeInNode(t, { cert, key }, hostname), code);
      });
    }

    test('[D6] is refused if it is another one of the same name and the same kind', async (t) => {
      const [first, second] = [await selfSigned({ keyType: 'P-256' }), await selfSigned({ keyType: 'P-256' })];
      const server = await served(t, wrap({ cert: first.cert, key: first.key }, echo()));
      const error = await failureOf(await open(t, server, { ca: second.cert }));
      assert.match(error.code, /^(DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE)$/);
      await assertNothingArrived(await server.connection(0));
    });

    test('[D6] a common name is no name in a certificate that somebody else issued', async (t) => {
      const { cert, key } = await authority.issue({ names: [], commonName: 'localhost' });
      const server = await served(t, wrap({ cert, key }, echo()));
      const error = await failureOf(await open(t, server, { ca: authority.pem }, { hostname: 'localhost' }));
      assertSocketError(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });
  });

  describe(`rejectUnauthorized ${name}`, limit, () => {
    test('[D6] false connects to anybody, and still tells who it was', async (t) => {
      for (const credentials of [
        await selfSigned({ keyType: 'P-256', notBefore: inDays(-3), notAfter: inDays(-1) }),
        await other.issue({ names: ['other.test'], usage: 'client' }),
      ]) {
        const server = await served(t, wrap({ cert: credentials.cert, key: credentials.key }, echo()));
        const socket = await open(t, server, { ca: authority.pem, rejectUnauthorized: false });
        const { peerCertificate } = await socket.opened;
        assert.deepEqual(Buffer.from(peerCertificate), new X509Certificate(credentials.cert).raw);
        assert.equal(await exchange(socket, 'hello'), 'hello');
      }
    });

    test('[D6] when false accepts certificates of other times too, and has the key proven all the same', async (t) => {
      const certificates = [
        forge({ version: 1 }),
        forge({ version: 1, keyType: 'RSA-2048' }),
        forge({ extensions: [extension.unknown(true)] }),
      ];
      for (const version of ['TLSv1.2', 'TLSv1.3']) {
        for (const { pem, keys } of certificates) {
          const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
          const server = await served(t, wrap({ cert: pem, key, maxVersion: version }, echo()));
          const socket = await open(t, server, { ca: authority.pem, rejectUnauthorized: false });
          assert.equal((await socket.opened).tlsVersion, version);
          assert.equal(await exchange(socket, 'hello'), 'hello');
        }
      }
    });

    test('[D6] [D7] is true by default, and for undefined and null; a truthy or falsy value is no boolean', async (t) => {
      const { cert, key } = await selfSigned({ keyType: 'P-256' });
      const server = await served(t, wrap({ cert, key }, echo()));
      for (const rejectUnauthorized of [undefined, null, true]) {
        const error = await failureOf(await open(t, server, { ca: authority.pem, rejectUnauthorized }));
        assertSocketError(error, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      }
      for (const rejectUnauthorized of [0, 'false', '']) {
        const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
        await assert.rejects(open(t, server, { rejectUnauthorized }), refusal, String(rejectUnauthorized));
      }
    });
  });
}

describe('NODE_EXTRA_CA_CERTS', limit, () => {
  const program = `
    import { writeFileSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const { packageRoot, ports, elsewhere } = JSON.parse(process.env.TRUST);
    const { connect } = createRequire(packageRoot)('winter-sockets');
    if (elsewhere) {
      process.chdir('/');
      process.env.NODE_EXTRA_CA_CERTS = elsewhere;
    }
    for (const port of ports) {
      const socket = connect({ hostname: '127.0.0.1', port }, { secureTransport: 'on' });
      console.log(await socket.opened.then(() => 'opened', (error) => error.code));
      await socket.close().catch(() => {});
    }`;
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'trust-'));
    writeFileSync(join(folder, 'root.pem'), authority.pem);
    writeFileSync(join(folder, 'both.pem'), `# two\n${other.pem}\n${authority.pem}`);
    writeFileSync(join(folder, 'other.pem'), other.pem);
  });
  after(() => rmSync(folder, { recursive: true }));

  async function outcomes(t, file, elsewhere) {
    const { cert, key } = await selfSigned({ keyType: 'P-256' });
    const servers = [await served(t, overTls(identity, echo())), await served(t, overTls({ cert, key }, echo()))];
    const ports = servers.map(({ port }) => port);
    const env = { TRUST: JSON.stringify({ packageRoot, ports, elsewhere }) };
    if (file) env.NODE_EXTRA_CA_CERTS = file;
    const { stdout, stderr, code } = await runNode(inline(program), { env, cwd: folder });
    assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
    return stdout.trim().split('\n');
  }

  const opens = ['opened', 'DEPTH_ZERO_SELF_SIGNED_CERT'];
  const refuses = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'DEPTH_ZERO_SELF_SIGNED_CERT'];

  test('[D6] adds its certificates to the default trust', async (t) => {
    assert.deepEqual(await outcomes(t, join(folder, 'root.pem')), opens);
    assert.deepEqual(await outcomes(t, join(folder, 'both.pem')), opens);
    assert.deepEqual(await outcomes(t, join(folder, 'other.pem')), refuses);
    assert.deepEqual(await outcomes(t, null), refuses);
  });

  test('[D6] counts as it was when the program began, whatever becomes of it and of the working folder', async (t) => {
    assert.deepEqual(await outcomes(t, 'root.pem', join(folder, 'other.pem')), opens);
    assert.deepEqual(await outcomes(t, 'other.pem', join(folder, 'root.pem')), refuses);
    assert.deepEqual(await outcomes(t, './root.pem', 'root.pem'), opens);
  });
});

test('[D6] ca replaces the default trust, that of the environment included', limit, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trust-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'root.pem'), authority.pem);
  const server = await served(t, overTls(identity, echo()));
  const program = `
    import { connect } from 'winter-sockets';
    const socket = connect('${server.address}', { secureTransport: 'on', tls: { ca: process.env.ONLY } });
    console.log(await socket.opened.then(() => 'opened', (error) => error.code));`;
  const env = { NODE_EXTRA_CA_CERTS: join(folder, 'root.pem'), ONLY: other.pem };
  assert.equal((await runNode(inline(program), { env })).stdout.trim(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

/** The code under which Node's own client refuses a self-signed certificate given as `ca`; null if it accepts it. */
async function codeInNode(t, { cert, key }, servername) {
  const server = await served(t, overTls({ cert, key }, echo()));
  const socket = connectTls({ host: server.host, port: server.port, ca: cert, servername });
  try {
    await once(socket, 'secureConnect');
    return null;
  } catch ({ code }) {
    return code;
  } finally {
    socket.destroy();
  }
}
