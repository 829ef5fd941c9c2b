// ssh2 over a node-style socket, against OpenSSH.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../examples/drivers/ssh2.mjs';
import { watchOpened } from './support/driver-cases.mjs';
import { MiB, sha256, watchDescriptors } from './support/extra-tcp.mjs';
import { describeWith } from './support/programs.mjs';
import { echo, pattern, refusedPort, serve } from './support/servers.mjs';
import { startSshd } from './support/sshd.mjs';

watchDescriptors();

describeWith(['sshd'], 'ssh2', () => {
  let server;

  before(async () => {
    server = await startSshd();
  });

  after(() => server?.stop());

  function dial(t, options) {
    const { host, port, username, privateKey } = server;
    const client = createClient({ host, port, username, privateKey, ...options });
    t.after(() => client.destroy());
    return client;
  }

  async function openClient(t, options) {
    const client = dial(t, options);
    await once(client, 'ready');
    return client;
  }

  test('knows the server by its key, and ends', async (t) => {
    const opened = watchOpened(t);
    let seen;
    const hostVerifier = (key) => {
      seen = key;
      return true;
    };
    const client = await openClient(t, { hostVerifier });
    assert.equal(seen.toString('base64'), server.hostKey.split(' ')[1]);
    const closed = once(client, 'close');
    client.end();
    await closed;
    assert.equal(opened.count, 1);
  });

  test('runs commands, several at a time', async (t) => {
    const client = await openClient(t);
    const run = async (command, input = '') => {
      const channel = await promisify(client.exec).call(client, command);
      const exited = once(channel, 'exit');
      channel.end(input);
      const output = (await channel.toArray()).join('');
      return { output, code: (await exited)[0] };
    };
    const outcomes = await Promise.all([run('echo one'), run('cat', 'two'), run('exit 3')]);
    assert.deepEqual(outcomes, [
      { output: 'one\n', code: 0 },
      { output: 'two', code: 0 },
      { output: '', code: 3 },
    ]);
  });

  test('carries megabytes both ways through a command', async (t) => {
    const client = await openClient(t);
    const channel = await promisify(client.exec).call(client, 'cat');
    channel.end(pattern(8 * MiB));
    const received = Buffer.concat(await channel.toArray());
    assert.equal(sha256(received), sha256(pattern(8 * MiB)));
  });

  test('stores, lists and retrieves files by SFTP', async (t) => {
    const client = await openClient(t);
    const sftp = await promisify(client.sftp).call(client);
    const call = (name, ...args) => promisify(sftp[name]).call(sftp, ...args);
    const folder = join(server.folder, `sftp-${server.port}`);
    await call('mkdir', folder);
    const path = join(folder, 'file');
    await call('writeFile', path, pattern(3 * MiB));
    assert.ok(readFileSync(path).equals(pattern(3 * MiB)));
    assert.deepEqual(
      (await call('readdir', folder)).map(({ filename, attrs }) => [filename, attrs.size]),
      [['file', 3 * MiB]],
    );
    assert.ok((await call('readFile', path)).equals(pattern(3 * MiB)));
    await assert.rejects(call('readFile', join(folder, 'none')), { message: /No such file/ });
  });

  test('forwards a connection through the server', async (t) => {
    const target = await serve(echo());
    t.after(() => target.close());
    const client = await openClient(t);
    const channel = await promisify(client.forwardOut).call(client, '127.0.0.1', 0, target.host, target.port);
    channel.end('through two connections');
    assert.equal((await channel.toArray()).join(''), 'through two connections');
  });

  test('tells what goes wrong', async (t) => {
    const refused = dial(t, { host: '127.0.0.1', port: await refusedPort() });
    assert.equal((await once(refused, 'error'))[0].code, 'ECONNREFUSED');
    const stranger = dial(t, { privateKey: undefined, password: 'wrong' });
    assert.equal((await once(stranger, 'error'))[0].level, 'client-authentication');
  });
});
