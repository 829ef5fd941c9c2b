// The driver that docs/your-driver.md shows, over this package and in workerd.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { createAuthority } from './support/certs.mjs';
import { openGuide } from './support/guide.mjs';
import { createProject } from './support/project.mjs';
import { echo, overTls, resetter, serve, startTls } from './support/servers.mjs';
import { startWorkerd } from './support/workerd.mjs';

const guide = openGuide('docs/your-driver.md');
const preload = ['--import', 'winter-sockets/register'];
const trust = { NODE_EXTRA_CA_CERTS: 'ca.pem' };

// What a user does with it; in both runtimes.
const work = `
  import { Client } from './driver.js';
  export async function work(options) {
    const client = await Client.connect(options);
    const answers = [];
    for (const line of ['one', 'another', 'x'.repeat(200_000)]) answers.push(await client.ask(line));
    await client.close();
    return answers.map((line) => line.slice(0, 10));
  }
`;
const answers = ['one', 'another', 'x'.repeat(10)];

let project;
let authority;
let credentials;

before(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost'] });
  project = await createProject({ files: { ...guide.files(), 'work.js': work } });
  writeFileSync(join(project.folder, 'ca.pem'), authority.pem);
});

after(() => project?.remove());

test('its own test passes', async () => {
  assert.match(await project.shell(guide.commands('node --import')), /^\S+ pass 1$/m);
});

describe('over this package', () => {
  for (const tls of [false, true]) {
    test(`it asks and is answered${tls ? ' over TLS' : ''}`, async (t) => {
      const server = await start(t);
      const { value } = await run(`return (await import('./work.js')).work(${options(server, tls)})`, trust);
      assert.deepEqual(value, answers);
      const log = await server.connection(0);
      await log.closed;
      assert.deepEqual([log.tls?.protocol ?? null, log.closeNotify], tls ? ['TLSv1.3', true] : [null, null]);
    });
  }

  test('it refuses plaintext behind the answer, whichever way it comes', async (t) => {
    for (const inject of [{ text: 'forged\n' }, { text: 'forged\n', splitAt: 3 }]) {
      const server = await start(t, { inject });
      const { error } = await run(`return (await import('./work.js')).work(${options(server, true)})`, trust);
      assert.match(error.code ?? error.message, /^(The server does not begin TLS: OK|ERR_SOCKET_STARTTLS_INJECTION)$/);
    }
  });

  test('it does not talk to a server that nobody vouches for, and does not try again', async (t) => {
    const server = await start(t);
    const { error } = await run(`return patiently(${options(server, true)})`);
    assert.equal(error.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    assert.equal(server.connections.length, 1);
  });

  test('it tries again after a connection that was lost', async (t) => {
    let attempts = 0;
    const proper = startTls({}, overTls(credentials, echo()));
    const server = await serve((socket, log) => (++attempts <= 2 ? resetter({ on: 'data' }) : proper)(socket, log));
    t.after(() => server.close());
    const { value } = await run(`return (await patiently(${options(server, true)})).ask('hello')`, trust);
    assert.equal(value, 'hello');
    assert.equal(attempts, 3);
  });
});

test('in workerd it does the same', async (t) => {
  project.write({
    'worker.js': `
      import { work } from './work.js';
      export default {
        async fetch(request) {
          return Response.json(await work(await request.json()));
        },
      };
    `,
  });
  await build({
    absWorkingDir: project.folder,
    entryPoints: ['worker.js'],
    outfile: 'dist/worker.js',
    bundle: true,
    format: 'esm',
    external: ['cloudflare:*'],
  });
  const worker = await startWorkerd(project.folder, { 'worker.js': 'dist/worker.js' }, { caFile: 'ca.pem' });
  t.after(() => worker.stop());
  for (const tls of [false, true]) {
    const server = await start(t);
    const request = { method: 'POST', body: options(server, tls) };
    const response = await fetch(`http://127.0.0.1:${worker.port}/`, request);
    assert.deepEqual(await response.json(), answers);
  }
});

/** A server of the protocol. */
async function start(t, settings = {}) {
  const server = await serve(startTls(settings, overTls(credentials, echo())));
  t.after(() => server.close());
  return server;
}

function options({ port }, tls) {
  return JSON.stringify({ hostname: 'localhost', port, tls });
}

/** Runs the body of a function in a process of its own, and gives what it returns or throws. */
async function run(body, env = {}) {
  const code = `
    import { connectPatiently as patiently } from './retry.js';
    const work = async () => { ${body} };
    const outcome = await work().then(
      (value) => ({ value }),
      ({ code, message }) => ({ error: { code, message } }),
    );
    console.log(JSON.stringify(outcome));
    process.exit();
  `;
  const { stdout, stderr } = await project.run([...preload, '--input-type=module', '--eval', code], { env });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}
