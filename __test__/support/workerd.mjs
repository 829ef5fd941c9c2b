// workerd, the reference, from its npm package.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnv } from './process.mjs';

/** The descriptor on which workerd tells its port. */
const CONTROL = 3;

/** workerd could not be started here at all. */
export class NoReference extends Error {}

/**
 * Starts a Worker of the given modules, `{ name: file }`, the first of which is its entry. The files lie in the folder and
 * are named from there; `caFile`, which may be left out, is trusted too. Loopback is reachable; nothing else differs from
 * the defaults. `env` is the second argument of `fetch()`: texts, and what JSON can carry.
 *
 * Returns `{ port, stop() }`. Rejects with a NoReference where workerd does not start.
 */
export async function startWorkerd(folder, modules, { caFile, env = {} } = {}) {
  const config = join(folder, 'config.capnp');
  await writeFile(config, configuration(modules, { caFile, env }));
  return start(config);
}

function configuration(modules, { caFile, env }) {
  const embedded = Object.entries(modules).map(([name, file]) => `(name = "${name}", esModule = embed "${file}")`);
  const bindings = Object.entries(env).map(([name, value]) => {
    const isText = typeof value === 'string';
    return `(name = "${name}", ${isText ? 'text' : 'json'} = ${JSON.stringify(isText ? value : JSON.stringify(value))})`;
  });
  const trust = caFile ? `tlsOptions = (trustedCertificates = [embed "${caFile}"]),` : '';
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [${embedded.join(', ')}],
          bindings = [${bindings.join(', ')}],
          compatibilityDate = "2026-11-01",
          compatibilityFlags = ["nodejs_compat"],
          globalOutbound = "network",
        )),
        (name = "network", network = (allow = ["public", "private", "local"], ${trust})),
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );
  `;
}

async function start(config) {
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe'];
  const child = spawn(binary(), ['serve', `--control-fd=${CONTROL}`, config], { env: cleanEnv(), stdio });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(`it ended with ${signal ?? code}: ${stderr}`));
  });
  const listening = once(createInterface({ input: child.stdio[CONTROL] }), 'line').then(([line]) => JSON.parse(line));
  const first = await Promise.race([listening, ended]);
  if (typeof first === 'string') throw new NoReference(`workerd does not start here: ${first}`);

  return {
    port: first.port,
    async stop() {
      child.kill();
      await ended;
    },
  };
}

/** The program itself, not the script in front of it, which would leave it running when it is killed. */
function binary() {
  try {
    return createRequire(import.meta.url)('workerd').default;
  } catch (error) {
    throw new NoReference(`workerd is not installed here: ${error.message}`);
  }
}
