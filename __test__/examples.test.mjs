// Every example does what it says, against servers of this test.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { cleanEnv, root, runNode } from './support/process.mjs';
import { overTls, refusedPort, serve } from './support/servers.mjs';

const preload = ['--import', 'winter-sockets/register'];

let folder;
let credentials;
let trust;

before(async () => {
  const authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost'] });
  folder = mkdtempSync(join(tmpdir(), 'winter-sockets-examples-'));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, authority.pem);
  trust = { NODE_EXTRA_CA_CERTS: file };
});

after(() => rmSync(folder, { recursive: true, force: true }));

describe('gopher.mjs', () => {
  test('answers with what the Gopher server says', async (t) => {
    const server = await listen(t, lines({ '/about': 'iA page about Gopher\r\n.\r\n' }, { ends: true }));
    const ask = await startGopher(t, server.address);
    const response = await ask('/about');
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'iA page about Gopher\r\n.\r\n');
  });

  test('answers 500 when there is no server', async (t) => {
    const ask = await startGopher(t, `127.0.0.1:${await refusedPort()}`);
    const response = await ask('/');
    assert.equal(response.status, 500);
    assert.match(await response.text(), /ECONNREFUSED/);
  });

  test('lets go of the Gopher server when its own client leaves', async (t) => {
    const server = await listen(t, lines({ '/endless': 'the beginning' }));
    const ask = await startGopher(t, server.address);
    const response = await ask('/endless');
    await response.body.cancel();
    await (await server.connection(0)).closed;
  });

  async function startGopher(t, address) {
    const child = spawn(process.execPath, [...preload, 'examples/gopher.mjs', address], {
      cwd: root,
      env: cleanEnv({ PORT: '0' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => child.kill());
    const [line] = await once(createInterface(child.stdout), 'line');
    const [url] = line.split(' ');
    return (path) => fetch(new URL(path, url), { signal: AbortSignal.timeout(30_000) });
  }
});

test('starttls.mjs talks to a mail server in plaintext, then in TLS', async (t) => {
  const greeting = '220 mail.example ready\r\n';
  const common = { 'EHLO client.example': '250-mail.example\r\n250 STARTTLS\r\n' };
  const secure = lines({ ...common, QUIT: '221 bye\r\n' }, { ends: true });
  const upgrade = { STARTTLS: '220 go ahead\r\n' };
  const server = await listen(t, lines({ ...common, ...upgrade }, { greeting, next: overTls(credentials, secure) }));

  const { stdout, stderr, code } = await runExample('starttls.mjs', ['localhost', server.port], trust);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /< 220 go ahead\n-- TLSv1\.3, \w+\n> EHLO .*< 250 STARTTLS\n> QUIT\n< 221 bye\n$/s);
  const { tls, commands } = server.connections[0];
  assert.equal(tls.servername, 'localhost');
  assert.deepEqual(commands, ['EHLO client.example', 'STARTTLS', 'EHLO client.example', 'QUIT']);
});

test('tls.mjs speaks TLS from the first byte', async (t) => {
  const headers = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
  const handler = lines({ '': headers }, { ends: true });
  const server = await listen(t, overTls({ ...credentials, ALPNProtocols: ['http/1.1'] }, handler));

  const { stdout, stderr, code } = await runExample('tls.mjs', ['localhost', server.port], trust);
  assert.equal(code, 0, stderr);
  assert.ok(stdout.startsWith(`localhost:${server.port}: TLSv1.3, `), stdout);
  assert.ok(stdout.endsWith(`, http/1.1\n${headers}`), stdout);
  assert.deepEqual(server.connections[0].commands, ['HEAD / HTTP/1.1', 'Host: localhost', 'Connection: close', '']);
});

test('tls.mjs fails on a certificate that nobody vouches for', async (t) => {
  const server = await listen(t, overTls(credentials, lines({})));
  const { stdout, stderr, code } = await runExample('tls.mjs', ['localhost', server.port]);
  assert.deepEqual({ stdout, code }, { stdout: '', code: 1 });
  assert.match(stderr, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
});

test('early-write.mjs writes before the handshake', async (t) => {
  const replies = { PING: '+PONG\r\n', 'ECHO early': '+early\r\n', QUIT: '+OK\r\n' };
  const server = await listen(t, overTls(credentials, lines(replies, { ends: true })));

  const { stdout, stderr, code } = await runExample('early-write.mjs', ['localhost', server.port], trust);
  assert.equal(code, 0, stderr);
  const said = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^ *[\d.]+ ms {2}/, ''));
  assert.deepEqual(said.slice(0, 3).sort(), ['handshake done', 'sent', 'written']);
  assert.equal(said[0], 'written');
  const received = said.slice(3).map((line) => JSON.parse(line.replace('received ', '')));
  assert.equal(received.join(''), Object.values(replies).join(''));
  assert.deepEqual(server.connections[0].commands, Object.keys(replies));
});

test('pg.mjs queries PostgreSQL over cloudflare:sockets', async (t) => {
  const { host, port, user, password, database, stop } = await startPostgres();
  t.after(stop);
  const env = {
    DATABASE_URL: `postgres://${user}:${password}@${host}:${port}/${database}`,
    NODE_DEBUG: 'winter-sockets',
  };

  const { stdout, stderr, code } = await runExample('pg.mjs', [], env, preload);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /user: 'postgres',\s+version: 'PostgreSQL /);
  assert.match(stderr, /routing pg through cloudflare:sockets/);
});

function runExample(name, args, env, flags = []) {
  return runNode([...flags, join('examples', name), ...args.map(String)], { env });
}

async function listen(t, handler) {
  const server = await serve(handler);
  t.after(() => server.close());
  return server;
}

/**
 * A handler of line protocols: the replies by the client's lines. With `ends` it ends behind the last of them, with `next`
 * that handler takes the connection over there.
 */
function lines(replies, { greeting = '', ends = false, next = null } = {}) {
  const last = Object.keys(replies).at(-1);
  return (stream, log) => {
    let pending = '';
    const read = (chunk) => {
      pending += chunk;
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        log.commands.push(line);
        if (line in replies) stream.write(replies[line]);
        if (line === last) return finish();
      }
    };
    const finish = () => {
      if (ends) stream.end();
      if (next === null) return;
      stream.off('data', read).pause();
      next(stream, log);
    };
    if (greeting) stream.write(greeting);
    stream.on('data', read).resume();
    stream.on('end', () => stream.end());
  };
}
