// lockTls: no option that a driver passes can weaken, or change, what the binding says of TLS.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createBinding } from '../index.js';
import { tlsOptionTable } from '../lib/tls-option-table.js';
import { book, owned } from './support/bindings.mjs';
import { createAuthority } from './support/certs.mjs';
import { assertSocketError, rejection, served, watchDescriptors } from './support/extra-tcp.mjs';
import { exchange, limit, modes } from './support/extra-tls.mjs';
import { echo, sink } from './support/servers.mjs';

watchDescriptors();

let authority;
let elsewhere;
let identity;
let client;
let stranger;
before(async () => {
  authority = await createAuthority();
  elsewhere = await createAuthority('Elsewhere');
  const { chain, key } = await authority.issue({ names: ['db.test'] });
  identity = { cert: chain, key };
  client = await authority.issue({ names: ['client.test'], usage: 'client' });
  stranger = await elsewhere.issue({ names: ['client.test'], usage: 'client' });
});

const check = () => undefined;

/** What a driver may pass that differs from the binding's own, for each option that is honoured. */
const other = {
  expectedServerHostname: () => 'other.test',
  servername: () => 'other.test',
  sni: () => 'other.test',
  alpn: () => ['two'],
  ALPNProtocols: () => ['two'],
  ca: () => elsewhere.pem,
  cert: () => ({ cert: stranger.chain, key: stranger.key }),
  key: () => ({ cert: stranger.chain, key: stranger.key }),
  // Alone it decrypts nothing, and changes nothing.
  passphrase: null,
  rejectUnauthorized: () => false,
  checkServerIdentity: () => () => undefined,
  minVersion: () => 'TLSv1.3',
  maxVersion: () => 'TLSv1.2',
};

/** And what is equal to the binding's own, or names the host that is dialled. */
const equal = {
  expectedServerHostname: () => 'DB.test',
  servername: () => 'db.test',
  sni: () => 'db.test',
  alpn: () => ['one'],
  ALPNProtocols: () => [Buffer.from('one')],
  ca: () => [Buffer.from(authority.pem)],
  cert: () => ({ cert: client.chain, key: client.key }),
  key: () => ({ cert: Buffer.from(client.chain), key: Buffer.from(client.key) }),
  passphrase: () => 'of nothing',
  rejectUnauthorized: () => true,
  checkServerIdentity: () => check,
  minVersion: () => 'TLSv1.2',
  maxVersion: () => 'TLSv1.3',
};

const asOptions = (name, value) => (name === 'cert' || name === 'key' ? value : { [name]: value });

for (const { name: mode, secureTransport, wrap } of modes) {
  describe(`a locked binding, ${mode}`, limit, () => {
    const bind = (server, tls) =>
      createBinding({
        lockTls: true,
        lookup: book(server.host),
        tls: {
          ca: authority.pem,
          cert: client.chain,
          key: client.key,
          alpn: ['one'],
          minVersion: 'TLSv1.2',
          checkServerIdentity: check,
          ...tls,
        },
      });

    /** Opens TLS with settings of the driver's, given where a driver of this mode gives them; `plain` is what is dropped. */
    const open = async (t, binding, server, driver, options) => {
      const tls = secureTransport === 'on' ? driver : undefined;
      const socket = owned(t, binding.connect(`db.test:${server.port}`, { secureTransport, tls, ...options }));
      if (secureTransport === 'on') return socket;
      assert.equal(await exchange(socket, 'STARTTLS\n', 'OK\n'), 'OK\n');
      open.plain = socket;
      return owned(t, socket.startTls(driver));
    };

    const serve = (t, handler = echo()) =>
      served(t, wrap({ ...identity, ca: authority.pem, requestCert: true, ALPNProtocols: ['one', 'two'] }, handler));

    test('every option that is honoured is tried', () => {
      const honoured = Object.keys(tlsOptionTable).filter((each) => tlsOptionTable[each].verdict === 'honoured');
      assert.deepEqual(Object.keys(other).sort(), honoured.sort());
      assert.deepEqual(Object.keys(equal).sort(), honoured.sort());
    });

    for (const [option, value] of Object.entries(other)) {
      if (value === null) continue;
      test(`[D7] refuses another ${option} by name, drops the connection, and nothing leaves`, async (t) => {
        const server = await serve(t, sink());
        const error = await rejection(open(t, bind(server), server, asOptions(option, value())));
        assert.equal(error.constructor, TypeError);
        assert.equal(error.code, 'ERR_INVALID_ARG_VALUE');
        // Certificate and key go together.
        const named = option === 'key' ? 'cert' : option;
        const field = secureTransport === 'on' ? 'options.tls' : 'options';
        assert.equal(error.message, `"${field}.${named}" differs from the binding, which locks its TLS settings`);
        if (secureTransport === 'on') return assert.equal(server.connections.length, 0);
        assert.equal(await rejection(open.plain.closed), error);
        const log = await server.connection(0);
        await log.closed;
        assert.equal(log.wire?.bytes ?? 0, 0);
      });
    }

    for (const [option, value] of Object.entries(equal)) {
      test(`[D7] accepts an equal ${option}`, async (t) => {
        const server = await serve(t);
        const socket = await open(t, bind(server), server, asOptions(option, value()));
        assert.equal(await exchange(socket, 'hello'), 'hello');
        const secured = await (await server.connection(0)).secured;
        assert.equal(secured.servername.toLowerCase(), 'db.test');
        assert.equal(secured.alpn, 'one');
        assert.ok(secured.peerCertificate);
      });
    }

    test('[D7] refuses to silence the name of the server', async (t) => {
      const server = await serve(t);
      const error = await rejection(open(t, bind(server), server, { servername: '' }));
      assert.match(error.message, /servername" differs from the binding/);
    });

    test('[D7] options beside the object are locked like those in it', async (t) => {
      const server = await serve(t);
      for (const [options, field] of [
        [{ sni: 'other.test' }, 'options.sni'],
        [{ alpn: ['two'] }, 'options.alpn'],
      ]) {
        const error = await rejection(open(t, bind(server), server, undefined, options));
        assert.match(error.message, new RegExp(`^"${field}" differs`));
      }
    });

    test('[D5] the name of the binding stays in force where a driver names the host', async (t) => {
      const server = await serve(t);
      const { chain, key } = await authority.issue({ names: ['cluster.test'] });
      const named = await served(t, wrap({ cert: chain, key }, echo()));
      for (const driver of [undefined, { servername: 'db.test' }, { servername: 'cluster.test' }]) {
        const binding = bind(named, { servername: 'cluster.test', alpn: [] });
        await (await open(t, binding, named, driver)).opened;
        assert.equal((await named.connections.at(-1).secured).servername, 'cluster.test');
      }
      // What the driver names is what this server is, and not what the binding asks for.
      const binding = bind(server, { servername: 'cluster.test', checkServerIdentity: undefined });
      const error = await rejection((await open(t, binding, server, { servername: 'db.test' })).opened);
      assertSocketError(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID', syscall: 'handshake' });
    });

    for (const [option, { verdict }] of Object.entries(tlsOptionTable)) {
      if (verdict !== 'refused') continue;
      test(`[D7] refuses ${option} as it always is`, async (t) => {
        const server = await serve(t, sink());
        const error = await rejection(open(t, bind(server), server, { [option]: 'x' }));
        assert.match(error.message, new RegExp(`options(\\.tls)?\\.${option}" is not supported`));
      });
    }

    test('[D7] what is no TLS setting has no effect', async (t) => {
      const server = await serve(t);
      const ignored = Object.keys(tlsOptionTable).filter((each) => tlsOptionTable[each].verdict === 'ignored');
      const driver = Object.fromEntries(ignored.map((each) => [each, 'x']));
      const socket = await open(t, bind(server), server, driver);
      assert.equal(await exchange(socket, 'hello'), 'hello');
    });

    test('[D7] a binding without TLS settings locks the defaults', async (t) => {
      const server = await serve(t, sink());
      const binding = createBinding({ lockTls: true, lookup: book(server.host) });
      for (const driver of [{ ca: authority.pem }, { rejectUnauthorized: false }]) {
        assert.match((await rejection(open(t, binding, server, driver))).message, /differs from the binding/);
      }
      const error = await rejection((await open(t, binding, server, { servername: 'db.test' })).opened);
      // The server sends its authority along.
      assertSocketError(error, { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    });
  });
}
