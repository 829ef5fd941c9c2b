// What docs/pg.md shows, against a real server.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { openGuide } from './support/guide.mjs';
import { startPostgres } from './support/postgres.mjs';
import { createProject } from './support/project.mjs';

const guide = openGuide('docs/pg.md');

let project;
let server;

before(async () => {
  project = await createProject({ dependencies: ['pg'], files: guide.files() });
  const authority = await createAuthority();
  writeFileSync(join(project.folder, 'ca.pem'), authority.pem);
  server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
});

after(async () => {
  await server?.stop();
  project?.remove();
});

function urlOf(query = '') {
  const { user, password, host, port, database } = server;
  return `postgres://${user}:${password}@${host}:${port}/${database}${query}`;
}

test('the program answers', async () => {
  const commands = guide.commands('node --import winter-sockets/register app.js');
  assert.equal(await project.shell(commands, { DATABASE_URL: urlOf() }), '42\n');
});

test('NODE_DEBUG tells that pg is routed', async () => {
  const commands = guide.commands('NODE_DEBUG=winter-sockets');
  const output = await project.shell(`{ ${commands.trim()}; } 2>&1`, { DATABASE_URL: urlOf() });
  assert.match(output, /^WINTER-SOCKETS \d+: .*pg.*\n42\n$/);
});

test('channels tell of connections', async () => {
  const commands = guide.commands('./watch.js');
  const output = await project.shell(`{ ${commands.trim()}; } 2>&1`, { DATABASE_URL: urlOf() });
  assert.match(
    output,
    /^127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+, plaintext\n42\n$|^\[::1\]:\d+ to \[::1\]:\d+, plaintext\n42\n$/,
  );
});

test('an authority is given to a client', async () => {
  const { stdout, stderr } = await run('tls.js', urlOf());
  assert.match(stdout, /version: 'TLSv1\.3', cipher: 'TLS_/, stderr);
});

describe('sslmode', () => {
  const untrusted = /UNABLE_TO_VERIFY_LEAF_SIGNATURE/;
  const cases = {
    '?sslmode=disable': false,
    '?sslmode=require': untrusted,
    '?sslmode=verify-full': untrusted,
    '?sslmode=require&sslrootcert=ca.pem': true,
    '?sslmode=verify-full&sslrootcert=ca.pem': true,
    '?sslmode=no-verify': true,
  };
  const code = `
    import pg from 'pg';
    const client = new pg.Client(process.env.DATABASE_URL);
    await client.connect();
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    console.log(rows[0].ssl);
    await client.end();
  `;

  for (const [query, outcome] of Object.entries(cases)) {
    test(query, async () => {
      project.write({ 'mode.js': code });
      const { stdout, stderr } = await run('mode.js', urlOf(query));
      if (outcome instanceof RegExp) assert.match(stderr, outcome);
      else assert.equal(stdout, `${outcome}\n`, stderr);
    });
  }
});

function run(program, DATABASE_URL) {
  return project.run(['--import', 'winter-sockets/register', program], { env: { DATABASE_URL } });
}
