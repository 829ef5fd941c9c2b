// A project that was written for Workers, as its owner would bring it: it runs on Node with one flag more, and does there
// what it does in workerd.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';
import { createAuthority } from './support/certs.mjs';
import { openGuide } from './support/guide.mjs';
import { startPostgres } from './support/postgres.mjs';
import { cleanEnv } from './support/process.mjs';
import { createProject } from './support/project.mjs';
import { refusedPort } from './support/servers.mjs';
import { startWorkerd } from './support/workerd.mjs';

const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
const guide = openGuide('docs/workers.md');
const source = fileURLToPath(new URL('./worker-project', import.meta.url));

let project;
let server;
let admin;

before(async () => {
  project = await createProject({ dependencies: ['pg'] });
  cpSync(source, project.folder, { recursive: true });
  const authority = await createAuthority();
  writeFileSync(join(project.folder, 'ca.pem'), authority.pem);
  server = await startPostgres({ tls: await authority.issue({ names: ['localhost'] }) });
  admin = new pg.Client(urlOf('?sslmode=disable'));
  await admin.connect();
});

after(async () => {
  await admin?.end();
  await server?.stop();
  project?.remove();
});

function urlOf(query, port = server.port) {
  const { user, password, database } = server;
  return `postgres://${user}:${password}@localhost:${port}/${database}${query}`;
}

describe('on Node, with the flag', () => {
  const start = guide.commands('node --import winter-sockets/register host.js');
  const startWithTrust = guide.commands('NODE_EXTRA_CA_CERTS=ca.pem');

  for (const [way, command, query, tls] of [
    ['plaintext', start, '?sslmode=disable', false],
    ['TLS, an authority for the process', startWithTrust, '?sslmode=verify-full', true],
    ['TLS, sslmode=require', startWithTrust, '?sslmode=require', true],
    ['TLS, an authority for pg', start, '?sslmode=verify-full&sslrootcert=ca.pem', true],
  ]) {
    test(`${way}: it answers out of PostgreSQL`, async (t) => {
      const host = await startHost(t, command, urlOf(query));
      await answersFromPostgres(host.url);
      assert.match(host.stderr(), /routing pg through cloudflare:sockets/);
      assert.deepEqual(await tlsOfStatements(), [tls, tls, tls]);
    });
  }

  for (const sslmode of ['require', 'verify-full']) {
    test(`sslmode=${sslmode} does not take a certificate that nobody vouches for`, async (t) => {
      const host = await startHost(t, start, urlOf(`?sslmode=${sslmode}`));
      assert.equal((await fetch(host.url)).status, 500);
      assert.match(host.stderr(), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
    });
  }

  test('it says so when nothing listens', async (t) => {
    const { url } = await startHost(t, start, urlOf('', await refusedPort()));
    assert.deepEqual(await get(url, '/health'), { up: false });
    assert.equal((await fetch(url)).status, 500);
  });

  test('it goes down when it is told to', async (t) => {
    const { child, url } = await startHost(t, start, urlOf('?sslmode=disable'));
    await get(url, '/');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM']);
  });
});

test('docs/workers.md shows this project', () => {
  for (const [path, text] of Object.entries(guide.files())) {
    assert.equal(text, readFileSync(join(source, path), 'utf8'), path);
  }
});

test('without the flag it does not start', async () => {
  const { code, stderr } = await project.run(['host.js']);
  assert.equal(code, 1);
  assert.match(stderr, /ERR_UNSUPPORTED_ESM_URL_SCHEME/);
});

test('in workerd it does the same', async (t) => {
  await bundle();
  const env = { TITLE: 'Notes', DB: { connectionString: urlOf('?sslmode=disable') } };
  const worker = await startWorkerd(project.folder, { 'worker.js': 'dist/worker.js' }, { env });
  t.after(() => worker.stop());
  await answersFromPostgres(`http://127.0.0.1:${worker.port}/`);
});

/** What a user of the Worker sees. */
async function answersFromPostgres(url) {
  await admin.query('DROP TABLE IF EXISTS notes; CREATE TABLE notes (id serial PRIMARY KEY, text text, tls boolean)');
  await admin.query(`
    CREATE OR REPLACE FUNCTION note_tls() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.tls := (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid());
      RETURN NEW;
    END $$;
    CREATE TRIGGER note_tls BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION note_tls();
  `);
  assert.deepEqual(await get(url, '/health'), { up: true });
  assert.deepEqual(await get(url, '/'), { title: 'Notes', notes: [] });
  for (const body of ['first', 'größer', 'x'.repeat(300_000)]) {
    const response = await fetch(url, { method: 'POST', body });
    assert.equal(response.status, 201);
  }
  const { notes } = await get(url, '/');
  assert.deepEqual(
    notes.map(({ id, text }) => [id, text.length]),
    [
      [1, 5],
      [2, 6],
      [3, 300_000],
    ],
  );
}

/** Whether each note was written over TLS, as the server saw it. */
async function tlsOfStatements() {
  const { rows } = await admin.query('SELECT tls FROM notes ORDER BY id');
  return rows.map(({ tls }) => tls);
}

async function get(url, path) {
  const response = await fetch(new URL(path, url));
  assert.equal(response.status, 200);
  return response.json();
}

/** Starts the project by a command of the guide. */
async function startHost(t, command, DATABASE_URL) {
  // In place of the shell, so that there is one process to end.
  const child = spawn('sh', ['-c', `exec env ${command}`], {
    cwd: project.folder,
    env: cleanEnv({ PATH, DATABASE_URL, PORT: '0', NODE_DEBUG: 'winter-sockets' }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill());
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [url] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => assert.fail(`the project does not start: ${stderr}`)),
  ]);
  return { child, url, stderr: () => stderr };
}

/** What wrangler does: a bundle in which Node's modules have their full names, and the platform's stay outside. */
async function bundle() {
  const builtins = builtinModules.filter((name) => !name.startsWith('_') && !name.includes(':'));
  await build({
    entryPoints: [join(project.folder, 'src', 'index.js')],
    outfile: join(project.folder, 'dist', 'worker.js'),
    bundle: true,
    format: 'esm',
    conditions: ['workerd'],
    external: ['cloudflare:*', 'node:*', 'pg-native'],
    alias: Object.fromEntries(builtins.map((name) => [name, `node:${name}`])),
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
  });
}
