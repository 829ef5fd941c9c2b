// The servers that behaviours ask for, and the way to ask: HTTP, since a behaviour may run in another process.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createAuthority, inDays } from '../support/certs.mjs';
import { until } from '../support/process.mjs';
import {
  closer,
  echo,
  greeter,
  halfOpen,
  overTls,
  resetter,
  sender,
  serve,
  silent,
  sink,
  startTls,
  truncator,
} from '../support/servers.mjs';

async function makeHandlers() {
  const authority = await createAuthority('Conformance');
  const stranger = await createAuthority('Stranger');
  const identity = async (issuer, options) => {
    const { chain: cert, key } = await issuer.issue(options);
    return { cert, key };
  };
  const good = await identity(authority);
  const otherName = await identity(authority, { names: ['db.test'] });
  const untrusted = await identity(stranger);
  const expired = await identity(authority, { notBefore: inDays(-9), notAfter: inDays(-2) });
  const nameOnly = await identity(authority, { names: ['localhost'] });

  const handlers = {
    echo: echo(),
    sink: sink(),
    silent: silent(),
    greeter: greeter('hello', echo()),
    closer: closer('bye'),
    halfOpen: halfOpen('reply'),
    resetter: resetter({ on: 'data' }),
    speakingResetter: resetter({ on: 'data', text: 'last words' }),
    talker: sender(200_000, { keepOpen: true }),
    tls: overTls(good, echo()),
    tls12: overTls({ ...good, maxVersion: 'TLSv1.2' }, echo()),
    tlsAlpn: overTls({ ...good, ALPNProtocols: ['h2'] }, echo()),
    tlsNameOnly: overTls(nameOnly, echo()),
    tlsOtherName: overTls(otherName, echo()),
    tlsUntrusted: overTls(untrusted, echo()),
    tlsExpired: overTls(expired, echo()),
    tlsCloser: overTls(good, closer('bye')),
    tlsSink: overTls(good, sink()),
    tlsTruncator: overTls(good, truncator('bye')),
    startTls: startTls({}, overTls(good, echo())),
    startTlsGreeter: startTls({}, overTls(good, greeter('hello'))),
    startTlsCloser: startTls({}, overTls(good, closer('bye'))),
    startTlsTruncator: startTls({}, overTls(good, truncator('bye'))),
    startTlsOtherName: startTls({}, overTls(otherName, echo())),
    startTlsInjected: startTls({ inject: { text: 'INJECTED\n' } }, overTls(good, echo())),
  };
  return { handlers, ca: authority.pem };
}

/** `{ url, ca, close() }`: where `serverClient()` finds the servers, and the authority of those that speak TLS. */
export async function startServers() {
  const { handlers, ca } = await makeHandlers();
  const running = new Map();

  const requests = {
    async open({ kind }) {
      if (!Object.hasOwn(handlers, kind)) throw new Error(`there is no server "${kind}"`);
      const server = await serve(handlers[kind]);
      running.set(server.port, server);
      return { port: server.port };
    },
    async log({ port, event, bytes = 0, patience }) {
      const server = running.get(port);
      const events = { ended: hasEnded, secured: (log) => log.tls, any: (log) => log.bytes >= bytes };
      const happened = () => server.connections[0] && events[event](server.connections[0]);
      // What does not come in time is told as it stands.
      await until(happened, { deadline: patience }).catch(() => {});
      return summary(server.connections);
    },
  };
  const control = createServer(async (request, response) => {
    try {
      const body = JSON.parse((await request.toArray()).join(''));
      response.end(JSON.stringify(await requests[request.url.slice(1)](body)));
    } catch (error) {
      response.writeHead(500).end(error.stack);
    }
  });
  await once(control.listen(0, '127.0.0.1'), 'listening');

  return {
    url: `http://127.0.0.1:${control.address().port}`,
    ca,
    async close() {
      control.close();
      control.closeAllConnections();
      await Promise.all([...running.values()].map((server) => server.close()));
    },
  };
}

/** With TLS the FIN is known before it is known what came with it. */
function hasEnded({ ending, wire, closeNotify }) {
  return ending !== null && (wire === null || closeNotify !== null);
}

function summary(connections) {
  const [log] = connections;
  if (!log) return { connections: 0 };
  const { bytes, text, ending, commands, closeNotify, tls } = log;
  const { peerCertificate, ...handshake } = tls ?? {};
  return { connections: connections.length, bytes, text, ending, commands, closeNotify, tls: tls && handshake };
}
