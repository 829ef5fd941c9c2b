import assert from 'node:assert/strict';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { createAuthority, inDays, selfSigned } from './support/certs.mjs';
import { established } from './support/extra-tcp.mjs';
import { startPostgres } from './support/postgres.mjs';
import { inline, openDescriptors, runNode, until } from './support/process.mjs';
import {
  answerer,
  blackhole,
  closer,
  echo,
  greeter,
  halfOpen,
  hasIPv6,
  overTls,
  pattern,
  refusedPort,
  resetter,
  sender,
  serve,
  silent,
  sink,
  startTls,
  truncator,
} from './support/servers.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A server that is closed when the test ends. */
async function served(t, handler, options) {
  const server = await serve(handler, options);
  t.after(() => server.close());
  return server;
}

async function dial(server, options = {}) {
  const socket = connect({ port: server.port, host: server.host, allowHalfOpen: true, ...options });
  await once(socket, 'connect');
  return socket;
}

describe('certificates', () => {
  test('a chain verifies, carries its names and fits its key', async () => {
    const root = await createAuthority('Root');
    const intermediate = await root.intermediate('Middle', { keyType: 'P-384' });
    for (const keyType of ['P-256', 'P-384', 'P-521', 'RSA-2048', 'Ed25519']) {
      const leaf = await intermediate.issue({ names: ['db.test', '127.0.0.1'], keyType });
      const certificate = new X509Certificate(leaf.cert);
      assert.ok(certificate.verify(new X509Certificate(intermediate.pem).publicKey), keyType);
      assert.ok(certificate.checkPrivateKey(createPrivateKey(leaf.key)), keyType);
      assert.equal(certificate.checkHost('db.test'), 'db.test');
      assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
      assert.equal(leaf.chain, leaf.cert + intermediate.pem);
      assert.deepEqual(certificate.raw, Buffer.from(leaf.der));
    }
    assert.ok(new X509Certificate(intermediate.pem).checkIssued(new X509Certificate(root.pem)));
  });

  test('dates, usage and key types are those asked for', async () => {
    const root = await createAuthority();
    const expired = await root.issue({ notBefore: inDays(-2), notAfter: inDays(-1), usage: 'client' });
    const certificate = new X509Certificate(expired.cert);
    assert.ok(new Date(certificate.validTo) < new Date());
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    await assert.rejects(root.issue({ keyType: 'DSA' }), TypeError);
  });

  test('a self-signed certificate is marked as an authority unless told not to', async () => {
    const marked = new X509Certificate((await selfSigned({ names: [] })).cert);
    assert.ok(marked.ca);
    assert.equal(marked.subjectAltName, undefined);
    assert.equal(marked.subject, 'CN=localhost');
    assert.ok(marked.verify(marked.publicKey));
    assert.ok(!new X509Certificate((await selfSigned({ ca: false })).cert).ca);
  });
});

describe('plain servers', () => {
  test('echo sends back and logs what it saw', async (t) => {
    const server = await served(t, echo());
    const socket = await dial(server);
    const { localPort } = socket;
    const bytes = pattern(300_000);
    socket.end(bytes);
    assert.equal(sha256(await buffer(socket)), sha256(bytes));
    const log = await server.connection(0);
    assert.equal(await log.ended, 'FIN');
    assert.equal(log.bytes, bytes.length);
    assert.equal(log.sha256, sha256(bytes));
    assert.equal(log.peer.port, localPort);
    await log.closed;
  });

  test('a log can be awaited before its connection', async (t) => {
    const server = await served(t, sink());
    const second = server.connection(1);
    const sockets = [await dial(server), await dial(server)];
    assert.equal((await second).peer.port, sockets[1].localPort);
    for (const socket of sockets) socket.end();
  });

  test('sender sends the pattern', async (t) => {
    const server = await served(t, sender(1_000_003));
    assert.equal(sha256(await buffer(await dial(server))), sha256(pattern(1_000_003)));
    assert.deepEqual(pattern(100, 70_000), pattern(70_100).subarray(70_000));
  });

  test('greeter, closer and answerer', async (t) => {
    const greeting = await dial(await served(t, greeter('hello', closer(' and goodbye'))));
    assert.equal(await text(greeting), 'hello and goodbye');
    greeting.end();

    const answered = await dial(await served(t, answerer('what?')));
    answered.end('hm');
    assert.equal(await text(answered), 'what?');
  });

  test('halfOpen replies after the end', async (t) => {
    const socket = await dial(await served(t, halfOpen('late')));
    socket.end('early');
    assert.equal(await text(socket), 'late');
  });

  test('resetter delivers its text and resets', async (t) => {
    const socket = await dial(await served(t, resetter({ on: 'data', text: 'ouch' })));
    socket.write('x');
    const [chunk] = await once(socket, 'data');
    assert.equal(String(chunk), 'ouch');
    // How node:net tells of a reset that comes together with data depends on its version.
    socket.on('error', () => {});

    const later = await dial(await served(t, resetter({ on: 'data' })));
    later.write('x');
    await assert.rejects(once(later.resume(), 'end'), { code: 'ECONNRESET' });

    const atOnce = connect((await served(t, resetter())).port, '127.0.0.1');
    await assert.rejects(once(atOnce.resume(), 'end'), { code: 'ECONNRESET' });
  });

  test('the code of a reset by the client is logged', async (t) => {
    const server = await served(t, sink());
    (await dial(server)).resetAndDestroy();
    assert.equal(await (await server.connection(0)).ended, 'ECONNRESET');
  });

  test('silent takes nothing out of the kernel', async (t) => {
    const server = await served(t, silent());
    const socket = await dial(server);
    socket.on('error', () => {});
    while (socket.write(pattern(1 << 20)));
    await until(() => socket.writableLength > 0);
    const log = await server.connection(0);
    assert.equal(log.socket.bytesRead, 0);
    await server.close();
    assert.equal(await log.ended, 'none');
  });

  test('one port on both loopback addresses', { skip: !hasIPv6 }, async (t) => {
    const server = await served(t, echo(), { hosts: ['::1', '127.0.0.1'] });
    assert.equal(server.address, `[::1]:${server.port}`);
    for (const host of ['::1', '127.0.0.1']) {
      const socket = await dial(server, { host });
      socket.end(host);
      assert.equal(await text(socket), host);
    }
  });

  test('a refused port refuses', async () => {
    const socket = connect(await refusedPort(), '127.0.0.1');
    await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' });
  });

  test('a blackhole leaves the attempt unanswered', { skip: process.platform !== 'linux' }, async () => {
    const hole = await blackhole();
    const socket = connect(hole.port, hole.host);
    await until(() => tcpStates(hole.port).includes(SYN_SENT));
    assert.ok(socket.connecting);
    socket.destroy();
    await hole.close();
  });
});

const SYN_SENT = '02';

/** The states of the connections to a port, as the kernel lists them. */
function tcpStates(port) {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.filter((row) => row[2]?.endsWith(remote)).map((row) => row[3]);
}

function recordTypes(bytes) {
  const types = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at]);
  return types;
}

test('the log of a connection is not taken for that of a later one from the same port', async (t) => {
  const server = await served(t, sink());
  // As many as there are ports: whichever this connection gets, an earlier one had it.
  const connections = Array.from({ length: 2 ** 16 }, (_, port) => ({ peer: { port } }));
  const accepted = established(t, { address: server.address, connections });
  connections.push(await server.connection(0));
  assert.equal((await accepted).log, await server.connection(0));
});

describe('TLS servers', async () => {
  const authority = await createAuthority();
  const { cert, key, der } = await authority.issue({ names: ['db.test'] });
  const client = { ca: authority.pem, servername: 'db.test' };

  const dialTls = async (server, options) => {
    const socket = connectTls({ port: server.port, host: server.host, ...client, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };

  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    test(`${version}: echo, log and close_notify`, async (t) => {
      const server = await served(t, overTls({ cert, key, ALPNProtocols: ['b'] }, echo()));
      const socket = await dialTls(server, { minVersion: version, maxVersion: version, ALPNProtocols: ['a', 'b'] });
      assert.deepEqual(socket.getPeerX509Certificate().raw, Buffer.from(der));
      const bytes = pattern(500_000);
      socket.end(bytes);
      assert.equal(sha256(await buffer(socket)), sha256(bytes));

      const log = await server.connection(0);
      const tls = await log.secured;
      assert.equal(tls.servername, 'db.test');
      assert.equal(tls.protocol, version);
      assert.equal(tls.alpn, 'b');
      assert.equal(tls.error, null);
      assert.equal(await log.ended, 'FIN');
      await log.closed;
      assert.equal(log.sha256, sha256(bytes));
      assert.equal(log.closeNotify, true);
      assert.ok(log.wire.bytes > bytes.length);
      assert.equal(log.wire.head[0], 0x16);
    });
  }

  test('an end of TCP without close_notify is told from one with it', async (t) => {
    const server = await served(t, overTls({ cert, key }, sink()));
    const raw = await dial(server);
    const socket = connectTls({ socket: raw, ...client });
    await once(socket, 'secureConnect');
    socket.write('cut');
    const log = await server.connection(0);
    await until(() => log.text === 'cut');
    raw.destroy();
    await log.closed;
    assert.equal(log.closeNotify, false);
  });

  test('truncator ends without close_notify', async (t) => {
    const server = await served(t, overTls({ cert, key }, truncator('half of it')));
    // The client's end of a second connection, so that the records on their way to it can be seen.
    const records = [];
    const relay = await served(t, (downstream) => {
      const upstream = connect(server.port, server.host);
      upstream.on('data', (chunk) => records.push(chunk));
      upstream.pipe(downstream).pipe(upstream);
    });
    const socket = await dialTls(relay, { maxVersion: 'TLSv1.2' });
    assert.equal(await text(socket), 'half of it');
    // In TLS 1.2 the type of a record can be read: the last one is data (23), not an alert (21).
    assert.equal(recordTypes(Buffer.concat(records)).at(-1), 23);
  });

  test('a client certificate is asked for and logged', async (t) => {
    const own = await authority.issue({ names: [], commonName: 'me', usage: 'client' });
    const handler = overTls({ cert, key, ca: authority.pem, requestCert: true, rejectUnauthorized: true }, echo());
    const server = await served(t, handler);
    const socket = await dialTls(server, { cert: own.cert, key: own.key });
    const { peerCertificate } = await (await server.connection(0)).secured;
    assert.deepEqual(peerCertificate, Buffer.from(own.der));
    socket.destroy();

    const without = connectTls({ port: server.port, host: server.host, ...client });
    await assert.rejects(once(without, 'end'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
    assert.match((await (await server.connection(1)).secured).error, /CERTIFICATE/);
  });

  test('a client that leaves before the handshake is logged', async (t) => {
    const server = await served(t, overTls({ cert, key }, echo()));
    (await dial(server)).end();
    (await dial(server)).resetAndDestroy();
    (await dial(server)).end('no TLS at all, but rather more than a record header');
    const logs = await Promise.all([0, 1, 2].map((index) => server.connection(index)));
    const errors = await Promise.all(logs.map(async ({ secured }) => (await secured).error));
    assert.deepEqual(errors.slice(0, 2), ['ECONNRESET', 'ECONNRESET']);
    assert.match(errors[2], /^ERR_SSL_/);
    await Promise.all(logs.map(({ closed }) => closed));
  });

  test('tickets are good for the next connection', async (t) => {
    const server = await served(t, overTls({ cert, key }, echo()));
    const first = await dialTls(server);
    first.write('x');
    const [session] = await once(first, 'session');
    const second = await dialTls(server, { session });
    assert.equal((await (await server.connection(1)).secured).resumed, true);
    first.destroy();
    second.destroy();
  });

  test('a reset under TLS', async (t) => {
    const socket = await dialTls(await served(t, overTls({ cert, key }, resetter({ on: 'data' }))));
    socket.write('x');
    await assert.rejects(once(socket.resume(), 'end'), { code: 'ECONNRESET' });
  });

  test('STARTTLS after other lines', async (t) => {
    const server = await served(t, startTls({}, overTls({ cert, key }, echo())));
    const raw = await dial(server);
    raw.write('HELLO\nSTART');
    assert.equal(String((await once(raw, 'data'))[0]), 'HELLO\n');
    raw.write('TLS\n');
    assert.equal(String((await once(raw, 'data'))[0]), 'OK\n');
    const socket = connectTls({ socket: raw, ...client });
    socket.end('secret');
    assert.equal(await text(socket), 'secret');
    const log = await server.connection(0);
    await log.closed;
    assert.deepEqual(log.commands, ['HELLO', 'STARTTLS']);
    assert.equal(log.text, 'secret');
    assert.equal(log.closeNotify, true);
  });

  test('STARTTLS with forged plaintext, whole and cut', async (t) => {
    const whole = await dial(await served(t, startTls({ inject: { text: 'FORGED' } }, sink())));
    whole.end('STARTTLS\n');
    assert.equal(await text(whole), 'OK\nFORGED');

    const inject = { text: 'FORGED', splitAt: 5, rest: 'after-hello' };
    const cut = await dial(await served(t, startTls({ inject }, closer('!'))));
    cut.write('STARTTLS\n');
    assert.equal(String((await once(cut, 'data'))[0]), 'OK\nFO');
    cut.end('hello');
    assert.equal(await text(cut), 'RGED!');
  });
});

describe('processes', () => {
  test('runNode tells code and output, without the settings that change trust', async () => {
    process.env.NODE_EXTRA_CA_CERTS ??= '';
    const code = 'console.log(process.env.NODE_EXTRA_CA_CERTS, process.env.GIVEN); console.error(1); process.exit(3)';
    const { timedOut, ...result } = await runNode(inline(code), { env: { GIVEN: 'given' } });
    assert.deepEqual(result, { code: 3, signal: null, stdout: 'undefined given\n', stderr: '1\n' });
    assert.equal(timedOut, false);
  });

  test('runNode kills what does not end', async () => {
    const result = await runNode(inline('setInterval(() => {}, 1000)'), { timeout: 300 });
    assert.equal(result.signal, 'SIGKILL');
    assert.equal(result.timedOut, true);
  });

  test('openDescriptors counts sockets', { skip: process.platform !== 'linux' }, async (t) => {
    const server = await served(t, sink());
    const before = openDescriptors();
    const socket = await dial(server);
    await server.connection(0);
    assert.equal(openDescriptors(), before + 2);
    socket.end();
    await (await server.connection(0)).closed;
    await until(() => openDescriptors() === before);
  });

  test('until gives the result, or says what was not reached', async () => {
    let turns = 0;
    assert.equal(await until(() => ++turns > 3 && 'there'), 'there');
    await assert.rejects(
      until(() => false, { what: 'the moon', deadline: 5 }),
      /within 5 ms: the moon/,
    );
  });
});

describe('PostgreSQL', () => {
  // A place of its own shows what is left behind, also while other test files run servers.
  const place = mkdtempSync(join(tmpdir(), 'winter-sockets-support-'));
  const usual = process.env.TMPDIR;
  before(() => {
    // As root the server runs as somebody else.
    chmodSync(place, 0o777);
    process.env.TMPDIR = place;
  });
  afterEach(() => assert.deepEqual(readdirSync(place), []));
  after(() => {
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
    rmdirSync(place);
  });

  test('serves plaintext and TLS, changes its certificate, restarts and leaves nothing', async () => {
    const authority = await createAuthority();
    const tls = await authority.issue();
    const server = await startPostgres({ tls, settings: { max_connections: 17 } });
    const ask = async (sql, ssl) => {
      const { host, port, user, password, database } = server;
      const client = new pg.Client({ host, port, user, password, database, ssl });
      await client.connect();
      try {
        return (await client.query({ text: sql, rowMode: 'array' })).rows[0][0];
      } finally {
        await client.end();
      }
    };
    const usesTls = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    try {
      assert.equal(await ask('SHOW max_connections'), '17');
      assert.equal(await ask(usesTls), false);
      assert.equal(await ask(usesTls, { ca: authority.pem }), true);

      const other = await selfSigned({ names: [] });
      await server.reloadTls(other);
      assert.equal(await ask(usesTls, { ca: other.cert }), true);
      await assert.rejects(ask(usesTls, { ca: authority.pem }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      await assert.rejects(server.reloadTls({ cert: other.cert, key: tls.key }), /key and certificate differ/);

      await server.restart();
      assert.equal(await ask('SELECT 1'), 1);
    } finally {
      await server.stop();
    }
    await assert.rejects(once(connect(server.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
  });

  test('says why it does not start', async () => {
    await assert.rejects(startPostgres({ settings: { nonsense: 1 } }), /did not start:[\s\S]*"nonsense"/);
  });

  test('does not outlive a process that fails', async () => {
    const code = `
      import { startPostgres } from './__test__/support/postgres.mjs';
      const { port } = await startPostgres();
      console.log(port);
      throw new Error('failed on purpose');
    `;
    const { code: exit, stdout, stderr } = await runNode(inline(code));
    assert.equal(exit, 1);
    assert.match(stderr, /failed on purpose/);
    await assert.rejects(once(connect(Number(stdout), '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
  });
});
