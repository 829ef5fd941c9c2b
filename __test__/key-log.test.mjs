// The key log of a binding, on a file that takes what it is given and on one that has stopped to.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createBinding } from '../index.js';
import { owned } from './support/bindings.mjs';
import { createAuthority } from './support/certs.mjs';
import { linuxOnly, watchDescriptors } from './support/extra-tcp.mjs';
import { dial, exchange, limit, modes, served } from './support/extra-tls.mjs';
import { inline, runNode, until } from './support/process.mjs';
import { echo, overTls } from './support/servers.mjs';

watchDescriptors();

/** What a session of TLS 1.3 has among its lines once. */
const SECRET = /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/gm;

let authority;
let identity;
let folder;
let pipes = 0;
before(async () => {
  authority = await createAuthority();
  const { chain, key } = await authority.issue();
  identity = { cert: chain, key };
  folder = mkdtempSync(join(tmpdir(), 'key-log-'));
});
after(() => rmSync(folder, { recursive: true }));

for (const { name, secureTransport, wrap } of modes) {
  test(`[D7] has the secrets of the sessions of its binding and of no other, ${name}`, async (t) => {
    const server = await served(t, wrap(identity, echo()));
    const keyLogFile = join(folder, `keys-${secureTransport}.log`);
    process.env.SSLKEYLOGFILE = join(folder, `unasked-${secureTransport}.log`);
    t.after(() => delete process.env.SSLKEYLOGFILE);
    const logging = createBinding({ tls: { ca: authority.pem, keyLogFile } });
    await open(t, createBinding({ tls: { ca: authority.pem } }), server, secureTransport);
    await open(t, logging, server, secureTransport);
    await open(t, logging, server, secureTransport);
    await until(() => readFileSync(keyLogFile, 'utf8').match(SECRET)?.length >= 2);
    assert.equal(readFileSync(keyLogFile, 'utf8').match(SECRET).length, 2);
    assert.equal(statSync(keyLogFile).mode & 0o777, 0o600);
    assert.throws(() => statSync(process.env.SSLKEYLOGFILE), { code: 'ENOENT' });
  });
}

test('a pipe is refused at once, and not waited for', linuxOnly, (t) => {
  const keyLogFile = fullPipe(t).path;
  assert.throws(() => createBinding({ tls: { keyLogFile } }), {
    code: 'ERR_INVALID_ARG_VALUE',
    message: /"config.tls.keyLogFile" is no regular file/,
  });
});

/** A TLS socket of a binding over which something went there and back. */
async function open(t, binding, server, secureTransport = 'on') {
  const socket = owned(t, binding.connect({ hostname: server.host, port: server.port }, { secureTransport }));
  if (secureTransport === 'starttls') assert.equal(await exchange(socket, 'STARTTLS\n', 'OK\n'), 'OK\n');
  const secure = secureTransport === 'starttls' ? owned(t, socket.startTls()) : socket;
  assert.equal(await exchange(secure, 'hello'), 'hello');
  return secure;
}

describe('a file that has stopped taking anything', { ...limit, ...linuxOnly }, () => {
  test('[D7] holds up no handshake, of its binding or another, and gets all lines once it goes on', async (t) => {
    const server = await served(t, overTls(identity, echo()));
    const keyLogFile = join(folder, 'stalled.log');
    const binding = createBinding({ tls: { ca: authority.pem, keyLogFile } });
    const pipe = fullPipe(t);
    renameSync(pipe.path, keyLogFile);
    for (let count = 0; count < 3; count++) await open(t, binding, server);
    const other = dial(t, server, { secureTransport: 'on', tls: { ca: authority.pem } });
    assert.equal(await exchange(other, 'hello'), 'hello');
    let text = '';
    await until(() => {
      text += pipe.read();
      return text.match(SECRET)?.length >= 3;
    });
    assert.equal(text.match(SECRET).length, 3);
  });

  test('[G3] is waited for at the exit of the process, and gets all lines if it goes on', async (t) => {
    const pipe = fullPipe(t);
    await exits(
      t,
      pipe,
      `readSync(openSync(file, constants.O_RDONLY | constants.O_NONBLOCK), Buffer.alloc(${pipe.size}));`,
    );
    assert.equal(pipe.read().match(SECRET)?.length, 20);
  });

  test('[G3] does not keep the process from its exit', async (t) => {
    await exits(t, fullPipe(t), '');
  });

  /** Has a process open connections and exit with them; `atExit` is code for the moment before. */
  async function exits(t, pipe, atExit) {
    const server = await served(t, overTls(identity, echo()));
    const given = { ca: authority.pem, pipe: pipe.path, file: `${pipe.path}.log`, port: server.port };
    const code = `
      import { constants, openSync, readSync, renameSync } from 'node:fs';
      import { createBinding } from 'winter-sockets';
      const { ca, pipe, file, port } = JSON.parse(process.env.KEY_LOG);
      const { connect } = createBinding({ tls: { ca, keyLogFile: file } });
      renameSync(pipe, file);
      process.on('exit', () => { ${atExit} });
      for (let count = 0; count < 20; count++) {
        await connect({ hostname: '127.0.0.1', port }, { secureTransport: 'on' }).opened;
      }
      process.exit(7);`;
    const { code: exit, stderr } = await runNode(inline(code), { env: { KEY_LOG: JSON.stringify(given) } });
    assert.deepEqual([exit, stderr], [7, '']);
  }
});

/**
 * A pipe that takes no more until it is read, to be put into the place of a file that a binding has found to be one: `read()`
 * gives what is in it, `size` is what it holds.
 */
function fullPipe(t) {
  const path = join(folder, `pipe-${pipes++}`);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(descriptor));
  const untilItBlocks = (act) => {
    try {
      for (;;) act();
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  };
  let size = 0;
  untilItBlocks(() => {
    size += writeSync(descriptor, '\n'.repeat(1024));
  });
  return {
    path,
    size,
    read() {
      const chunks = [];
      untilItBlocks(() => {
        const chunk = Buffer.alloc(size);
        chunks.push(chunk.subarray(0, readSync(descriptor, chunk)));
      });
      return Buffer.concat(chunks).toString();
    },
  };
}
