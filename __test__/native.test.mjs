// Where the native addon cannot be loaded, one sentence says why. That there is none at all is in package.test.mjs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inline, runNode } from './support/process.mjs';
import { nodes, register } from './support/register.mjs';
import { echo, serve } from './support/servers.mjs';

const program = inline(`
  import('cloudflare:sockets').then(
    ({ connect }) => console.log(JSON.stringify({ connect: typeof connect })),
    ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })),
  );
`);
const oneSentence = /^[^\n.]+( [\d.]+:)?[^\n.]+\.$/;

for (const { version, path: node, options } of nodes) {
  const [major, minor] = version.split('.').map(Number);
  const permission = major < 22 ? '--experimental-permission' : '--permission';
  const restricted = [permission, '--allow-fs-read=*'];
  const hasHooks = major > 22 || (major === 22 && minor >= 15);
  const thread = hasHooks ? [] : ['--allow-worker'];
  const run = (flags) => runNode([...flags, '--import', register, ...program], { node });

  describe(`Node ${version}`, () => {
    for (const [what, flags] of Object.entries({
      [permission]: [...restricted, ...thread],
      '--no-addons': ['--no-addons'],
    })) {
      test(`${what} without leave for addons`, options, async () => {
        const { stdout } = await run(flags);
        const { name, code, message } = JSON.parse(stdout);
        assert.deepEqual({ name, code }, { name: 'Error', code: 'ERR_DLOPEN_DISABLED' });
        assert.match(message, /--allow-addons/);
        assert.match(message, oneSentence);
      });
    }

    test(`${permission} with leave for addons`, options, async () => {
      const { stdout, stderr } = await run([...restricted, ...thread, '--allow-addons']);
      assert.deepEqual(JSON.parse(stdout), { connect: 'function' }, stderr);
    });

    test(`${permission}: connections need the leave of Node, where it asks for one`, options, async (t) => {
      const server = await serve(echo());
      t.after(() => server.close());
      const leave = [...restricted, ...thread, '--allow-addons'];
      const dial = inline(`
        import { connect } from 'cloudflare:sockets';
        const socket = connect('${server.address}');
        const outcome = await socket.opened.then(() => 'opened', ({ name, code, message }) => ({ name, code, message }));
        await socket.close().catch(() => {});
        console.log(JSON.stringify(outcome));
      `);
      const outcome = async (flags) => {
        const { stdout, stderr } = await runNode([...flags, '--import', register, ...dial], { node });
        assert.notEqual(stdout, '', stderr);
        return JSON.parse(stdout);
      };
      if (major < 25) return assert.equal(await outcome(leave), 'opened');
      const { name, code, message } = await outcome(leave);
      assert.deepEqual({ name, code }, { name: 'SocketError', code: 'ERR_ACCESS_DENIED' });
      assert.match(message, /--allow-net/);
      assert.equal(server.connections.length, 0);
      assert.equal(await outcome([...leave, '--allow-net']), 'opened');
    });

    if (hasHooks) return;
    test(`${permission} without leave for the thread of the preload`, options, async () => {
      const { code, stdout, stderr } = await run(restricted);
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
      assert.match(stderr, /\nError: winter-sockets\/register needs a thread .* start node with --allow-worker .*\.\n/);
      assert.match(stderr, /code: 'ERR_ACCESS_DENIED'/);
    });
  });
}
