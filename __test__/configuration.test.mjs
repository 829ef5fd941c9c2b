// The preload's file: what the host sets for a program that knows nothing of it, and what a mistake in it looks like.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Ajv from 'ajv';
import { MEMBERS, TLS_MEMBERS } from '../lib/binding-settings.js';
import { createAuthority, encryptedKey } from './support/certs.mjs';
import { startPostgres } from './support/postgres.mjs';
import { inline, root, runNode } from './support/process.mjs';
import { echo, overTls, serve, sink, startTls } from './support/servers.mjs';

const schema = JSON.parse(readFileSync(join(root, 'config.schema.json'), 'utf8'));
const matchesSchema = new Ajv({ strict: false }).compile(schema);

const PASSPHRASE = 'correct horse battery staple';
const limit = { timeout: 120_000 };

let folder;
let authority;
let elsewhere;
let identity;
let client;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  authority = await createAuthority();
  elsewhere = await createAuthority('Elsewhere');
  identity = await authority.issue({ names: ['localhost'] });
  client = await authority.issue({ names: ['postgres'], usage: 'client' });
  const files = {
    'ca.pem': authority.pem,
    'other-ca.pem': elsewhere.pem,
    'client.pem': client.chain,
    'client.key': client.key,
    'encrypted.key': encryptedKey(client.key, PASSPHRASE),
    passphrase: `${PASSPHRASE}\n`,
    'garbage.pem': 'no certificate',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
});
after(() => rmSync(folder, { recursive: true }));

let files = 0;
/** The path of a file with this content, an object or the text itself, in the folder of the certificates. */
function written(content) {
  const file = join(folder, `config-${files++}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

/** Runs a program under the preload with a configuration; the program has `connect`, and `report(value)` for its outcome. */
async function run(config, program, { env, preload = '--import' } = {}) {
  const code = `
    import { connect } from 'cloudflare:sockets';
    const report = (value) => console.log(JSON.stringify(value));
    const told = (error) => ({ code: error.code, message: error.message });
    ${program}
  `;
  return runNode([preload, 'winter-sockets/register', ...inline(code)], {
    env: { WINTER_SOCKETS_CONFIG: written(config), ...env },
  });
}

async function outcome(...args) {
  const { code, stdout, stderr } = await run(...args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Opens TLS by the way of a mode and says what came of it. */
const opening = (mode, address) => `
  const socket = connect(${JSON.stringify(address)}, { secureTransport: '${mode}' });
  const ask = async () => {
    const [writer, reader] = [socket.writable.getWriter(), socket.readable.getReader()];
    await writer.write('STARTTLS\\n');
    await reader.read();
    writer.releaseLock();
    reader.releaseLock();
    return socket.startTls();
  };
  const secure = ${mode === 'on'} ? socket : await ask();
  report(await secure.opened.then(() => 'opened', told));
  await secure.close();
`;

describe('a configuration', limit, () => {
  for (const mode of ['on', 'starttls']) {
    test(`[D6] is in force for cloudflare:sockets: trust and a client's certificate, ${mode}`, async (t) => {
      const secured = overTls(
        { cert: identity.chain, key: identity.key, ca: authority.pem, requestCert: true },
        echo(),
      );
      const server = await serve(mode === 'on' ? secured : startTls({}, secured));
      t.after(() => server.close());
      const tls = { ca: './ca.pem', cert: 'client.pem', key: ['client.key'] };
      for (const [config, isShown] of [
        [{ default: { tls } }, true],
        [{ default: { tls: { ca: ['./ca.pem'] } } }, false],
        [{ default: { tls: { ca: authority.pem } } }, false],
        [{ hosts: { [`LOCALHOST.:${server.port}`]: { tls } } }, true],
        [{ hosts: { localhost: { tls } } }, true],
        [{ default: { tls: { ca: 'other-ca.pem' } }, hosts: { localhost: { tls } } }, true],
        [{ default: { tls: { ca: 'ca.pem' } }, hosts: { localhost: { tls: { cert: tls.cert, key: tls.key } } } }, true],
      ]) {
        assert.ok(matchesSchema(config), JSON.stringify(matchesSchema.errors));
        assert.equal(await outcome(config, opening(mode, `localhost:${server.port}`)), 'opened');
        const { peerCertificate } = await server.connections.at(-1).secured;
        assert.equal(Boolean(peerCertificate), isShown, JSON.stringify(config));
      }
    });
  }

  test('[D6] the entry of host and port comes before that of the host, and that before the default', async (t) => {
    const server = await serve(overTls({ cert: identity.chain, key: identity.key }, echo()));
    t.after(() => server.close());
    const [right, wrong] = [{ tls: { ca: 'ca.pem' } }, { tls: { ca: 'other-ca.pem' } }];
    const address = `localhost:${server.port}`;
    for (const config of [
      { default: wrong, hosts: { localhost: wrong, [address]: right } },
      { default: wrong, hosts: { localhost: right, 'localhost:1': wrong, 'other.test': wrong } },
      { default: right, hosts: { 'localhost:1': wrong } },
    ]) {
      assert.equal(await outcome(config, opening('on', address)), 'opened');
    }
    const { code } = await outcome({ default: right, hosts: { localhost: wrong } }, opening('on', address));
    assert.equal(code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('[F2] sets a network policy and limits of time, and an entry keeps those of the default', async (t) => {
    const server = await serve(sink());
    t.after(() => server.close());
    const address = `127.0.0.1:${server.port}`;
    const open = `report(await connect('${address}').opened.then(() => 'opened', told));
      report(await connect('${address}', { secureTransport: 'on' }).opened.then(() => 'opened', told));
      process.exit();`;
    const lines = async (config) => {
      const { stdout, stderr } = await run(config, open);
      assert.equal(stderr, '');
      return stdout.trim().split('\n').map(JSON.parse);
    };
    const policy = { network: { deny: ['local'] }, timeout: 100, closeTimeout: 100, keepAlive: 5000 };
    const allowing = { network: { allow: ['127.0.0.1'] } };
    for (const hosts of [{}, { '127.0.0.1': { lockTls: true } }, { '127.0.0.1': allowing }]) {
      const [plain] = await lines({ default: policy, hosts });
      assert.equal(plain.code, 'ERR_SOCKET_POLICY_DENIED');
    }
    const opened = { '127.0.0.1': { network: { deny: ['public'] } } };
    const [plain, secure] = await lines({ default: policy, hosts: opened });
    assert.equal(plain, 'opened');
    assert.equal(secure.code, 'ETIMEDOUT');
  });

  test('[D7] can lock its TLS settings', async () => {
    const program = `
      try {
        connect('localhost:1', { secureTransport: 'on', tls: { rejectUnauthorized: false } });
      } catch (error) {
        report(told(error));
      }`;
    const { message } = await outcome({ default: { lockTls: true } }, program);
    assert.match(message, /"options.tls.rejectUnauthorized" differs from the binding/);
  });

  test('[D6] finds a passphrase in a variable or in a file', async (t) => {
    const secured = overTls({ cert: identity.chain, key: identity.key, ca: authority.pem, requestCert: true }, echo());
    const server = await serve(secured);
    t.after(() => server.close());
    for (const passphrase of [PASSPHRASE, { env: 'KEY_PASSPHRASE' }, { file: './passphrase' }]) {
      const config = { default: { tls: { ca: 'ca.pem', cert: 'client.pem', key: 'encrypted.key', passphrase } } };
      assert.ok(matchesSchema(config));
      const env = { KEY_PASSPHRASE: PASSPHRASE };
      assert.equal(await outcome(config, opening('on', `localhost:${server.port}`), { env }), 'opened');
      assert.ok((await server.connections.at(-1).secured).peerCertificate);
    }
  });

  test('[A1] holds for every way to load the package, in workers too, and not for bindings of the program', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const require = createRequire(${JSON.stringify(join(root, 'index.js'))});
      const code = (from) => from('127.0.0.1:1').opened.catch((error) => error.code);
      // The worker is given the flags of this process, and so takes its code for a module too.
      const worker = new Worker(
        "import { parentPort } from 'node:worker_threads'; import { connect } from 'cloudflare:sockets';" +
          "connect('127.0.0.1:1').opened.catch(({ code }) => parentPort.postMessage(code));",
        { eval: true },
      );
      const [inWorker] = await once(worker, 'message');
      const { createBinding } = require('winter-sockets');
      report([
        await code(connect),
        await code(require('cloudflare:sockets').connect),
        await code(require('winter-sockets').connect),
        await code((await import('winter-sockets')).connect),
        inWorker,
        await code(createBinding({}).connect),
      ]);`;
    const denied = new Array(5).fill('ERR_SOCKET_POLICY_DENIED');
    const config = { default: { network: { deny: ['local'] } } };
    assert.deepEqual(await outcome(config, program, { preload: '--require' }), [...denied, 'ECONNREFUSED']);
  });

  test('[F2] is that of the main thread in a worker, wherever the program stands and whatever it is given', async () => {
    const program = `
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      process.chdir('/');
      const code = "import { parentPort } from 'node:worker_threads'; import { connect } from 'cloudflare:sockets';" +
        "connect('127.0.0.1:1').opened.catch(({ code }) => parentPort.postMessage(code));";
      const told = [];
      for (const env of [process.env, {}, { WINTER_SOCKETS_CONFIG: '/no/such/file' }]) {
        told.push(...(await once(new Worker(code, { eval: true, env }), 'message')));
      }
      console.log(JSON.stringify(told));`;
    const file = written({ default: { network: { deny: ['local'] } } });
    const preload = ['--require', join(root, 'lib', 'register', 'index.js')];
    const env = { WINTER_SOCKETS_CONFIG: file.slice(folder.length + 1) };
    const { stdout, stderr } = await runNode([...preload, ...inline(program)], { env, cwd: folder });
    assert.equal(stdout, `${JSON.stringify(new Array(3).fill('ERR_SOCKET_POLICY_DENIED'))}\n`, stderr);
  });

  test('[D5] names the server for a driver that repeats the host it dials, as pg does', async (t) => {
    const named = await authority.issue({ names: ['cluster.test'] });
    const server = await serve(overTls({ cert: named.chain, key: named.key }, echo()));
    t.after(() => server.close());
    const tls = { ca: 'ca.pem', servername: 'cluster.test' };
    const program = (servername) => `
      const tls = { servername: '${servername}' };
      const socket = connect('localhost:${server.port}', { secureTransport: 'on', tls });
      report(await socket.opened.then(() => 'opened', told));
      await socket.close();`;
    assert.equal(await outcome({ default: { tls } }, program('LOCALHOST')), 'opened');
    assert.equal((await server.connections.at(-1).secured).servername, 'cluster.test');
    assert.equal((await outcome({ default: { tls } }, program('other.test'))).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('[D7] an entry may name a setting otherwise than the default does', async () => {
    const config = {
      default: { tls: { alpn: ['one'], servername: 'one.test' } },
      hosts: { x: { tls: { ALPNProtocols: ['two'], sni: 'two.test' } } },
    };
    assert.equal(await outcome(config, `report('began')`), 'began');
  });

  test('is found by a path that may be relative, and starts with a mark of its encoding or not', async () => {
    const config = { default: { network: { deny: ['local'] } } };
    const file = written(`\uFEFF${JSON.stringify(config)}`);
    const code = `import { connect } from 'cloudflare:sockets';
      connect('127.0.0.1:1').opened.catch((error) => console.log(error.code));`;
    const preload = ['--import', new URL('../lib/register/index.js', import.meta.url).href];
    const env = { WINTER_SOCKETS_CONFIG: file.slice(folder.length + 1) };
    const { stdout } = await runNode([...preload, ...inline(code)], { env, cwd: folder });
    assert.equal(stdout, 'ERR_SOCKET_POLICY_DENIED\n');
  });
});

describe('a mistake in a configuration ends the program before it begins, with one message', limit, () => {
  const mistakes = {
    'no JSON': ['{ "default": ', /is not valid JSON/],
    'no JSON around a passphrase': [
      `{\n "default": { "tls": { "passphrase": ${PASSPHRASE} } } }`,
      /is not valid JSON, at line 2, column 39|is not valid JSON\n/,
    ],
    'null in place of a member': [{ default: null }, /"default" must be a value or left out; received null/],
    'null in place of settings': [
      { default: { network: null } },
      /"default.network" must be (an object|a value or left out); received null/,
    ],
    'null in place of a list': [
      { default: { network: { allow: null } } },
      /"default.network.allow" must be a value or left out/,
    ],
    'null in place of a TLS setting': [
      { hosts: { x: { tls: { rejectUnauthorized: null } } } },
      /"hosts\["x"\].tls.rejectUnauthorized" must be a value or left out/,
    ],
    'a schema that is no string': [{ $schema: 5 }, /"\$schema" must be a string; received a number/],
    'a passphrase in place of a path': [
      { default: { tls: { passphrase: { file: PASSPHRASE } } } },
      /"default.tls.passphrase.file" cannot be read: ENOENT\n/,
      'unseen',
    ],
    'a passphrase without a key': [
      { default: { tls: { passphrase: PASSPHRASE } } },
      /"default.tls.passphrase" is given without `key`/,
      'unseen',
    ],
    'the wrong passphrase': [
      { default: { tls: { cert: 'client.pem', key: 'encrypted.key', passphrase: `not ${PASSPHRASE}` } } },
      /"default.tls.passphrase" does not decrypt `key`/,
      'unseen',
    ],
    'a range for a host': [{ hosts: { '10.0.0.0/8': {} } }, /is no host, "host:port" or address/, 'unseen'],
    'a group for a host': [{ hosts: { private: {} } }, /is a group of addresses in the place of a host/, 'unseen'],
    'no object': [[], /"the file" must be an object; received an array/],
    'an unknown member': [{ defaults: {} }, /"defaults" is no setting; there are \$schema, default, hosts, routes/],
    'an unknown setting': [{ default: { timeOut: 1 } }, /"default.timeOut" is no setting; there are tls, network,/],
    'an unknown TLS setting': [
      { hosts: { 'db.internal:5432': { tls: { caFile: 'x' } } } },
      /"hosts\["db.internal:5432"\].tls.caFile" is no setting/,
    ],
    'a value of another type': [
      { default: { timeout: '5s' } },
      /"default.timeout" must be a number; received a string/,
    ],
    'a file that is not there': [
      { default: { tls: { ca: './missing.pem' } } },
      /"default.tls.ca" cannot be read: ENOENT ".*missing.pem"/,
      'unseen',
    ],
    'a file that is no certificate': [
      { default: { tls: { ca: ['ca.pem', 'garbage.pem'] } } },
      /"default.tls.ca\[1\]" contains no certificate/,
      'unseen',
    ],
    'a path of another type': [
      { default: { tls: { ca: 5 } } },
      /"default.tls.ca" must be a path or PEM; received a number/,
    ],
    'a key without its passphrase': [
      { default: { tls: { cert: 'client.pem', key: 'encrypted.key' } } },
      /"default.tls.passphrase" is needed by `key`/,
      'unseen',
    ],
    'a variable that is not set': [
      { default: { tls: { passphrase: { env: 'NO_SUCH_VARIABLE' } } } },
      /"default.tls.passphrase.env" names a variable that is not set: "NO_SUCH_VARIABLE"/,
      'unseen',
    ],
    'a secret from elsewhere': [
      { default: { tls: { passphrase: { vault: 'x' } } } },
      /"default.tls.passphrase" must be a string, \{/,
    ],
    code: [{ default: { lookup: 'dns' } }, /"default.lookup" takes a function, which JSON has none of/],
    'code in TLS settings': [{ default: { tls: { checkServerIdentity: true } } }, /takes a function/],
    'a bad range': [
      { default: { network: { deny: ['10.0.0.0/33'] } } },
      /"default.network.deny\[0\]" is no range of addresses/,
      'unseen',
    ],
    'a host that is none': [{ hosts: { 'a b': {} } }, /"hosts\["a b"\]" is no host/, 'unseen'],
    'a host twice': [
      { hosts: { '[::1]:1': {}, '[0:0::1]:1': {} } },
      /is there before, under another spelling/,
      'unseen',
    ],
    'an entry that is no object': [{ hosts: { 'db.internal': true } }, /"hosts\["db.internal"\]" must be an object/],
    'an unknown route': [{ routes: { mysql: true } }, /"routes.mysql" is no setting; there are pg, postgres/],
    'a route that is no switch': [{ routes: { pg: 'on' } }, /"routes.pg" must be a boolean; received a string/],
  };
  for (const [what, [config, message, inSchema]] of Object.entries(mistakes)) {
    test(`[D7] ${what}`, async () => {
      for (const preload of ['--import', '--require']) {
        const { code, stdout, stderr } = await run(config, `report('began')`, { preload });
        assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
        assert.match(stderr, message);
        assert.match(stderr, /^winter-sockets: \S+\/config-\d+\.json: .+\n$/);
        assert.ok(!stderr.includes('horse battery'), 'a secret is shown');
      }
      // What the contents of other files decide, or an order of characters, no schema sees.
      if (typeof config !== 'string') assert.equal(matchesSchema(config), inSchema === 'unseen', 'of the schema');
    });
  }

  test('[D7] a key in place of its path is shown in no message, wherever its PEM begins', async () => {
    const [, body] = client.key.split('\n');
    for (const key of [`\n${client.key}`, `Bag Attributes\n${client.key}`, body, client.key.replaceAll('-----', '')]) {
      const config = { default: { tls: { cert: 'other-ca.pem', key } } };
      const { code, stdout, stderr } = await run(config, `report('began')`);
      assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
      assert.match(stderr, /^winter-sockets: \S+: "default.tls.key" .+\n$/);
      assert.ok(!stderr.includes(body), 'a key is shown');
    }
  });

  test('[D7] a variable that is empty', async () => {
    const args = ['--import', 'winter-sockets/register', ...inline('console.log("began")')];
    const { code, stdout, stderr } = await runNode(args, { env: { WINTER_SOCKETS_CONFIG: '' } });
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 1, stdout: '', stderr: 'winter-sockets: WINTER_SOCKETS_CONFIG is empty: it names no file\n' },
    );
  });

  test('[D7] a file that is not there', async () => {
    const args = ['--import', 'winter-sockets/register', ...inline('console.log("began")')];
    const { code, stdout, stderr } = await runNode(args, { env: { WINTER_SOCKETS_CONFIG: '/no/such/config.json' } });
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
    assert.match(stderr, /^winter-sockets: \/no\/such\/config\.json: ENOENT: .+\n$/);
  });
});

test('the schema names exactly the settings that there are', () => {
  const { binding, tls } = schema.definitions;
  const json = (names) => names.filter((name) => name !== 'lookup' && name !== 'checkServerIdentity').sort();
  assert.deepEqual(Object.keys(binding.properties).sort(), json(MEMBERS));
  assert.deepEqual(Object.keys(tls.properties).sort(), json(TLS_MEMBERS));
});

describe('a pg application whose only TLS setting is ssl: true', limit, () => {
  const program = (config) => `
    import pg from 'pg';
    const pool = new pg.Pool({ ...${JSON.stringify(config)}, ssl: true, max: 4 });
    pool.on('error', () => {});
    try {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          pool.query('SELECT $1::int AS n, ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()', [i])),
      );
      report(answers.map(({ rows: [row] }) => row));
    } catch (error) {
      report(told(error));
    }
    await pool.end();`;

  test('[D6] reaches a server with a private authority that asks for a certificate', async (t) => {
    const tls = { cert: identity.chain, key: identity.key, ca: authority.pem };
    const access = ['hostssl all all all cert', 'hostssl all all all trust clientcert=verify-ca'];
    const server = await startPostgres({ tls, access });
    t.after(() => server.stop());
    const { host, port, user, database } = server;
    const credentials = { ca: './ca.pem', cert: './client.pem', key: './client.key' };
    const rows = await outcome(
      { hosts: { [`${host}:${port}`]: { tls: credentials, lockTls: true } } },
      program({ host, port, user, database }),
    );
    assert.deepEqual(
      rows,
      Array.from({ length: 12 }, (_, n) => ({ n, ssl: true, client_dn: '/CN=postgres' })),
    );
    const refused = await outcome({ default: { tls: { ca: './ca.pem' } } }, program({ host, port, user, database }));
    assert.match(refused.message, /connection requires a valid client certificate|certificate authentication failed/);
  });

  test('[D2] sends nothing after SSLRequest and ClientHello to a server of another authority', async (t) => {
    const secure = overTls({ cert: identity.chain, key: identity.key }, sink());
    const server = await serve(async (socket, log) => {
      const [request] = await once(socket.resume(), 'data');
      socket.pause();
      log.commands.push(request.toString('hex'));
      socket.write('S');
      secure(socket, log);
    });
    t.after(() => server.close());
    const config = { host: 'localhost', port: server.port, user: 'u', password: 'secret', database: 'd' };
    const { code } = await outcome({ default: { tls: { ca: './other-ca.pem' } } }, program(config));
    assert.equal(code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    for (const log of server.connections) {
      await log.closed;
      assert.deepEqual(log.commands, ['0000000804d2162f']);
      assert.equal(log.bytes, 0);
      assert.match((await log.secured).error, /ALERT/);
    }
  });
});
