// Runs the behaviours in the package and in workerd.

import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from '../support/process.mjs';
import { startWorkerd } from '../support/workerd.mjs';
import { startServers } from './servers.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const CA_FILE = 'ca.pem';

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
    const named = Object.fromEntries(modules.map((path) => [path, path]));
    const { port, stop } = await startWorkerd(folder, named, { caFile: CA_FILE });
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
