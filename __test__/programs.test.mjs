// What the tests with real servers stand on: programs are found, started, watched and stopped, and a missing one is told of.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs, { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, mock, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { accepts, freePort } from './support/ports.mjs';
import { startProgram } from './support/program-server.mjs';
import { describeWith, missingPrograms, needs } from './support/programs.mjs';
import { startRedis } from './support/redis.mjs';

describe('on a machine without a program', () => {
  const { WINTER_SOCKETS_REQUIRE_SERVERS: required } = process.env;
  const hidden = mock.method(fs, 'accessSync', (path) => {
    if (/(redis-server|sshd)$/.test(path)) throw new Error('hidden');
  });
  const answers = {};
  for (const value of ['0', '1']) {
    process.env.WINTER_SOCKETS_REQUIRE_SERVERS = value;
    answers[value] = needs('redis-server', 'mosquitto', 'sshd');
  }
  const missing = missingPrograms();
  const starting = startProgram('redis-server', {}).catch((error) => error);
  hidden.mock.restore();
  if (required === undefined) delete process.env.WINTER_SOCKETS_REQUIRE_SERVERS;
  else process.env.WINTER_SOCKETS_REQUIRE_SERVERS = required;

  test('tests that need it are skipped, and say how to get it', () => {
    const reason =
      'needs redis-server, sshd: run "node scripts/install-servers.mjs", or install redis-server openssh-server';
    assert.deepEqual(answers['0'], { skip: reason });
    assert.deepEqual(missing, ['redis-server', 'sshd']);
  });

  test('they run, and so fail, where every server is required', async () => {
    assert.deepEqual(answers['1'], {});
    assert.match(
      (await starting).message,
      /^this test needs redis-server: run "node scripts\/install-servers\.mjs", or /,
    );
  });
});

test('a name that is no program of ours is a mistake in the test', () => {
  assert.throws(() => needs('rediss-server'), TypeError);
});

describeWith(['redis-server'], 'a program', () => {
  const listening = { ready: /Ready to accept/, configure: async () => ['--port', String(await freePort())] };

  test('can be used once it is started, and after a restart, and leaves nothing when stopped', async () => {
    const server = await startRedis(await (await createAuthority()).issue());
    const first = server.pid();
    assert.equal(await accepts(server.port), true);
    await server.restart();
    assert.notEqual(server.pid(), first);
    assert.equal(await accepts(server.tlsPort), true);
    await server.stop();
    assert.equal(await accepts(server.port), false);
    assert.equal(existsSync(server.folder), false);
    assert.throws(() => process.kill(server.pid(), 0), { code: 'ESRCH' });
  });

  test('never runs as root unless told to, and owns its folder', { skip: process.getuid?.() !== 0 }, async () => {
    const uidOf = (pid) => Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    for (const [as, isRoot] of [
      [undefined, false],
      ['root', true],
    ]) {
      const server = await startProgram('redis-server', { ...listening, as });
      assert.equal(uidOf(server.pid()) === 0, isRoot);
      assert.equal(statSync(server.folder).uid, uidOf(server.pid()));
      await server.stop();
    }
  });

  test('that does not come up fails with its last words', async () => {
    const configure = async ({ write }) => [await write('redis.conf', 'no-such-setting 1\n')];
    await assert.rejects(startProgram('redis-server', { ready: /Ready/, configure }), (error) => {
      assert.match(error.message, /^redis-server ended with code 1; its log:\n[\s\S]*no-such-setting/);
      return true;
    });
  });

  test('whose port was taken is configured again', async (t) => {
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    t.after(() => taken.close());
    let configured = 0;
    const ports = [taken.address().port, await freePort()];
    const server = await startProgram('redis-server', {
      ready: listening.ready,
      configure: () => ['--bind', '127.0.0.1', '--port', String(ports[configured++])],
    });
    await server.stop();
    assert.equal(configured, 2);
  });
});
