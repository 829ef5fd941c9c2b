// pg over node:net and over this package, side by side: what docs/pg.md says of the differences is what is seen.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { agreements, differences, expected, scenarios } from './pg-comparison/scenarios.mjs';
import { createAuthority } from './support/certs.mjs';
import { openGuide } from './support/guide.mjs';
import { startPostgres } from './support/postgres.mjs';
import { runNode } from './support/process.mjs';
import { answerer, hasIPv6, overTls, refusedPort, serve, silent } from './support/servers.mjs';

const program = fileURLToPath(new URL('./pg-comparison/program.mjs', import.meta.url));
const ways = { net: [], here: ['--import', 'winter-sockets/register'] };

let folder;
let server;
let quiet;
let plaintextOnly;
let cutOff;
let settings;

before(async () => {
  // The server, which may run as another user, makes its Unix socket in there.
  folder = mkdtempSync(join(tmpdir(), 'winter-sockets-pg-'));
  chmodSync(folder, 0o777);
  const access = join(folder, 'access.conf');
  writeFileSync(access, 'local all all scram-sha-256\nhost all all all scram-sha-256\n', { mode: 0o644 });

  const authority = await createAuthority();
  const identity = await authority.issue({ names: ['localhost'] });
  server = await startPostgres({
    tls: identity,
    settings: { unix_socket_directories: folder, hba_file: access },
  });
  quiet = await serve(silent());
  plaintextOnly = await serve(answerer('N'));
  cutOff = await serve(agreeToTls(overTls(identity, cutAtFirstBytes())));
  const { host, port, user, password, database } = server;
  const plain = { host, port, user, password, database };
  settings = {
    folder,
    plain,
    secure: { ...plain, ssl: { ca: authority.pem } },
    silent: { ...plain, host: quiet.host, port: quiet.port },
    plaintextOnly: { ...plain, host: plaintextOnly.host, port: plaintextOnly.port },
    cutOff: { host: 'localhost', port: cutOff.port },
    refused: { ...plain, host: '127.0.0.1', port: await refusedPort() },
  };
});

after(async () => {
  await quiet?.close();
  await plaintextOnly?.close();
  await cutOff?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Ends TCP at the first bytes, and not TLS before it. */
function cutAtFirstBytes() {
  return (stream, log) => {
    stream.once('data', () => log.socket.end());
    log.observe(stream);
  };
}

/** Says yes to TLS as PostgreSQL does, and goes on as another handler. */
function agreeToTls(next) {
  return (socket, log) => {
    socket.once('data', () => {
      socket.pause();
      socket.write('S');
      next(socket, log);
    });
    socket.resume();
  };
}

for (const [title, group] of Object.entries({ differences, agreements })) {
  describe(title, () => {
    for (const [name, { point, env, needs, config }] of Object.entries(group)) {
      const skip = needs === 'linux' && process.platform !== 'linux' && 'needs Linux';
      test(point, { skip: skip || (name === 'ipv6' && !hasIPv6 && 'needs IPv6') }, async () => {
        const seen = {};
        const file = join(folder, `${name}.json`);
        if (config) writeFileSync(file, JSON.stringify(config));
        for (const [way, flags] of Object.entries(ways)) {
          const args = [...flags, program, name, JSON.stringify(settings)];
          const { stdout, stderr, code, timedOut } = await runNode(args, {
            env: { ...env, ...(config && { WINTER_SOCKETS_CONFIG: file }) },
          });
          assert.deepEqual({ code, timedOut }, { code: 0, timedOut: false }, stderr);
          seen[way] = JSON.parse(stdout);
        }
        assert.deepEqual(seen, expected(name));
      });
    }
  });
}

test('docs/pg.md has these tables', () => {
  const table = (head, rows) =>
    [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const differing = Object.values(differences).map(({ point, net, here }) => [point, net, here]);
  const agreeing = Object.values(agreements).map(({ point, both }) => [point, both]);
  const { text } = openGuide('docs/pg.md');
  assert.ok(text.includes(table(['', 'over `node:net`', 'over this package'], differing)), 'what differs');
  assert.ok(text.includes(table(['', 'either way'], agreeing)), 'what does not');
  assert.equal(Object.keys(scenarios).length, differing.length + agreeing.length);
});
