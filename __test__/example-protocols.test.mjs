// The examples that speak FTP, IRC and Gopher, against the servers of Debian.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { createAuthority } from './support/certs.mjs';
import { startGophernicus } from './support/gophernicus.mjs';
import { startNgircd } from './support/ngircd.mjs';
import { cleanEnv, root, runNode } from './support/process.mjs';
import { describeWith } from './support/programs.mjs';
import { pattern, serve } from './support/servers.mjs';
import { startVsftpd } from './support/vsftpd.mjs';

let folder;
let credentials;
let trust;

before(async () => {
  const authority = await createAuthority();
  credentials = await authority.issue();
  folder = await mkdtemp(join(tmpdir(), 'winter-sockets-protocols-'));
  await chmod(folder, 0o755);
  writeFileSync(join(folder, 'ca.pem'), authority.pem);
  trust = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
});

after(() => rm(folder, { recursive: true, force: true }));

describeWith(['vsftpd'], 'ftp.mjs', () => {
  let server;

  before(async () => {
    server = await startVsftpd(credentials);
  });

  after(() => server?.stop());

  const run = (protocol, path, { input = '', user = '', args = [] } = {}) =>
    runNode(['examples/ftp.mjs', `${protocol}//${user}${server.host}:${server.port}/${path}`, ...args], {
      env: trust,
      input,
    });

  for (const [name, protocol] of [
    ['in plaintext', 'ftp:'],
    ['after AUTH TLS', 'ftps:'],
  ]) {
    describe(name, () => {
      const file = `${protocol.replace(':', '')}.txt`;

      test('stores, retrieves and lists', async () => {
        const text = `${pattern(300_000).toString('hex')}\n`;
        const stored = await run(protocol, file, { input: text, args: ['--store'] });
        assert.deepEqual([stored.code, stored.stdout], [0, ''], stored.stderr);
        assert.equal(readFileSync(join(server.files, file), 'utf8'), text);

        const retrieved = await run(protocol, file);
        assert.equal(retrieved.code, 0, retrieved.stderr);
        assert.ok(retrieved.stdout === text, 'the file came back as it was');

        const listed = await run(protocol, '');
        assert.equal(listed.code, 0, listed.stderr);
        assert.match(listed.stdout, new RegExp(` ${text.length} .* ${file}\\r\\n`));
      });

      test('says what the server says of a file that is not there', async () => {
        const { code, stderr } = await run(protocol, 'none');
        assert.equal(code, 1);
        assert.match(stderr, /The server says: 550 Failed to open file/);
      });

      test('says what the server says of a stranger', async () => {
        const { code, stderr } = await run(protocol, '', { user: 'stranger:wrong@' });
        assert.equal(code, 1);
        assert.match(stderr, /The server says: 530 /);
      });

      test('lets no path become a command', async () => {
        const { code, stderr } = await run(protocol, `none%0D%0ADELE%20${file}`);
        assert.equal(code, 1);
        assert.match(stderr, /A command is one line/);
        assert.ok(existsSync(join(server.files, file)));
      });
    });
  }

  test('sends no password to a server that is not to be trusted', async () => {
    const { code, stderr } = await runNode(['examples/ftp.mjs', `ftps://${server.host}:${server.port}/`]);
    assert.equal(code, 1);
    assert.match(stderr, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  });
});

describeWith(['ngircd'], 'irc.mjs', () => {
  let server;

  before(async () => {
    server = await startNgircd(credentials);
  });

  after(() => server?.stop());

  /** Somebody on the server: `say(line)`, `hears(pattern)`, `leave()`. */
  function start(t, nick, { secure = false } = {}) {
    const url = `${secure ? 'ircs' : 'irc'}://${nick}@${server.host}:${secure ? server.tlsPort : server.port}/lobby`;
    const child = spawn(process.execPath, ['examples/irc.mjs', url], { cwd: root, env: cleanEnv(trust) });
    t.after(() => child.kill());
    const exited = once(child, 'exit');
    const output = [];
    const lines = createInterface(child.stdout).on('line', (line) => output.push(line));
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    return {
      output,
      say: (text) => child.stdin.write(`${text}\n`),
      async hears(expected) {
        while (!output.some((line) => expected.test(line))) {
          const ended = exited.then(([code]) => assert.fail(`ended with ${code}: ${errors}${output.join('\n')}`));
          await Promise.race([once(lines, 'line'), ended]);
        }
      },
      async leaves() {
        child.stdin.end();
        const [code] = await exited;
        return { code, errors };
      },
      exited: exited.then(([code]) => ({ code, errors: () => errors })),
    };
  }

  test('registers, joins, talks and leaves, in plaintext and over TLS', async (t) => {
    const anna = start(t, 'anna');
    await anna.hears(/^\* anna is in #lobby$/);
    const bert = start(t, 'bert', { secure: true });
    await bert.hears(/^\* bert is in #lobby$/);
    await anna.hears(/^\* bert is here$/);
    anna.say('hello, all of you: how are you?');
    await bert.hears(/^<anna> hello, all of you: how are you\?$/);
    bert.say('fine :)');
    await anna.hears(/^<bert> fine :\)$/);
    assert.deepEqual(await bert.leaves(), { code: 0, errors: '' });
    await anna.hears(/^\* bert has left$/);
    assert.deepEqual(await anna.leaves(), { code: 0, errors: '' });
  });

  test('says what the server says of a nickname that is taken', async (t) => {
    const first = start(t, 'egon');
    await first.hears(/^\* egon is in #lobby$/);
    const second = start(t, 'egon');
    const { code, errors } = await second.exited;
    assert.equal(code, 1);
    assert.match(errors(), /The server says: .*Nickname already in use/);
    await first.leaves();
  });
});

test('irc.mjs answers when the server asks whether it is there', async (t) => {
  // The real one asks after minutes of silence.
  const server = await serve((stream, log) => {
    createInterface(stream).on('line', (line) => {
      log.commands.push(line);
      if (line.startsWith('USER ')) stream.write('PING :are you there\r\n');
      if (line.startsWith('PONG ')) stream.end(':irc.example NOTICE frida :bye\r\n');
    });
  });
  t.after(() => server.close());
  const { code, stderr } = await runNode(['examples/irc.mjs', `irc://frida@${server.address}/lobby`]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(server.connections[0].commands, ['NICK frida', 'USER frida 0 * :frida', 'PONG :are you there']);
});

describeWith(['gophernicus'], 'gopher.mjs', () => {
  test('shows the menu and the files of a Gopher server', async (t) => {
    const server = await startGophernicus();
    t.after(() => server.stop());
    const text = `${'A line of a page\n'.repeat(10_000)}`;
    mkdirSync(join(server.files, 'pages'));
    writeFileSync(join(server.files, 'pages', 'page.txt'), text);

    const child = spawn(
      process.execPath,
      ['--import', 'winter-sockets/register', 'examples/gopher.mjs', server.address],
      {
        cwd: root,
        env: cleanEnv({ PORT: '0' }),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.after(() => child.kill());
    const [line] = await once(createInterface(child.stdout), 'line');
    const [url] = line.split(' ');
    const ask = async (path) => (await fetch(new URL(path, url))).text();
    assert.match(await ask('/'), /^1pages.*\t\/pages\/?\tlocalhost\t/m);
    assert.match(await ask('/pages'), /^0page\.txt.*\t\/pages\/page\.txt\tlocalhost\t/m);
    assert.equal((await ask('/pages/page.txt')).replaceAll('\r\n', '\n').replace(/\.\n$/, ''), text);
  });
});
