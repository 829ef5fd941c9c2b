// Runs the behaviours in the package and in workerd.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnv, runNode } from '../support/process.mjs';
import { startServers } from './servers.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const CA_FILE = 'ca.pem';
/** The descriptor on which workerd tells its port. */
const CONTROL = 3;

/** workerd could not be started here at all. */
export class NoReference extends Error {}

/** What the behaviours see of the package. */
export function observePackage() {
  return withServers(async ({ url, caFile }) => {
    const env = { NODE_EXTRA_CA_CERTS: caFile };
    const { code, signal, stdout, stderr } = await runNode([join(here, 'package-process.mjs'), url], { env });
    if (code !== 0) throw new Error(`the process that runs the package ended with ${signal ?? code}:\n${stderr}`);
    return JSON.parse(stdout);
  });
}

/** What the behaviours see of workerd; rejects with a NoReference where it does not start. */
export function observeReference() {
  return withServers(async ({ url, folder }) => {
    // The configuration can only embed what lies beside it.
    await cp(here, folder, { recursive: true });
    const behaviours = (await readdir(join(here, 'behaviours'))).map((name) => `behaviours/${name}`);
    const modules = ['worker.mjs', 'behaviours.mjs', 'observe.mjs', 'server-client.mjs', ...behaviours];
    const config = join(folder, 'config.capnp');
    await writeFile(config, configuration(modules));
    const { port, stop } = await startReference(config);
    try {
      const request = { method: 'POST', body: url };
      const response = await fetch(`http://127.0.0.1:${port}/`, request);
      const text = await response.text();
      if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}`);
      return JSON.parse(text);
    } finally {
      await stop();
    }
  });
}

async function withServers(use) {
  const folder = await mkdtemp(join(tmpdir(), 'winter-sockets-'));
  const servers = await startServers();
  try {
    const caFile = join(folder, CA_FILE);
    await writeFile(caFile, servers.ca);
    return await use({ url: servers.url, folder, caFile });
  } finally {
    await servers.close();
    await rm(folder, { recursive: true });
  }
}

/** Loopback is reachable and the authority of the test servers trusted; nothing else differs from the defaults. */
function configuration(modules) {
  const embedded = modules.map((path) => `(name = "${path}", esModule = embed "${path}")`);
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [${embedded.join(', ')}],
          compatibilityDate = "2026-11-01",
          compatibilityFlags = ["nodejs_compat"],
          globalOutbound = "network",
        )),
        (name = "network", network = (
          allow = ["public", "private", "local"],
          tlsOptions = (trustedCertificates = [embed "${CA_FILE}"]),
        )),
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );
  `;
}

async function startReference(config) {
  const stdio = ['ignore', 'ignore', 'pipe', 'pipe'];
  const child = spawn(referenceBinary(), ['serve', `--control-fd=${CONTROL}`, config], { env: cleanEnv(), stdio });
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
function referenceBinary() {
  try {
    return createRequire(import.meta.url)('workerd').default;
  } catch (error) {
    throw new NoReference(`workerd is not installed here: ${error.message}`);
  }
}
