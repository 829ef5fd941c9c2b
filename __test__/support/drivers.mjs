// Runs a driver in a process of its own, which has to end by itself.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inline, runNode } from './process.mjs';

/**
 * Runs `body`, the source of an async function that sees `options` and what `imports` (import declarations) brings, and
 * resolves to `{ value, opened, unhandled, stderr }`, or `error` in place of `value` where it throws.
 *
 * - `preload: false` leaves the preload out; `routes` are those of its configuration.
 * - `ca` is a certificate in PEM that the process trusts beside the usual ones.
 *
 * `opened` says of each socket of ours that came up what it spoke: 'plaintext' or a TLS version. `unhandled` are the rejections
 * nobody handled.
 */
export async function runDriver({ imports, body, options = {}, preload = true, routes, ca, node, env = {} }) {
  const folder = await mkdtemp(join(tmpdir(), 'winter-sockets-driver-'));
  const file = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  try {
    const { code, stdout, stderr, timedOut } = await runNode(
      [
        ...(preload ? ['--import', 'winter-sockets/register'] : []),
        ...inline(`
          import { subscribe } from 'node:diagnostics_channel';
          ${imports}
          const options = ${JSON.stringify(options)};
          const opened = [];
          const unhandled = [];
          subscribe('winter-sockets:open', ({ info }) => opened.push(info.tlsVersion ?? 'plaintext'));
          process.on('unhandledRejection', (reason) => unhandled.push(String(reason)));
          let outcome;
          try {
            outcome = { value: await (async () => { ${body} })() };
          } catch (error) {
            outcome = { error: { name: error.name, code: error.code, message: error.message } };
          }
          process.on('exit', () => console.log(JSON.stringify({ ...outcome, opened, unhandled })));
        `),
      ],
      {
        node,
        env: {
          ...env,
          ...(ca && { NODE_EXTRA_CA_CERTS: await file('ca.pem', ca) }),
          ...(routes && { WINTER_SOCKETS_CONFIG: await file('config.json', JSON.stringify({ routes })) }),
        },
      },
    );
    assert.equal(timedOut, false, `the process ends by itself; it said:\n${stdout}${stderr}`);
    assert.equal(code, 0, stderr);
    return { ...JSON.parse(stdout), stderr };
  } finally {
    await rm(folder, { recursive: true });
  }
}
