// Runs the cases in a runtime, against servers of this process.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority } from '../support/certs.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { runNode } from '../support/process.mjs';
import { createProject } from '../support/project.mjs';
import { echo, overTls, refusedPort, serve, silent, sink, startTls } from '../support/servers.mjs';
import { cases } from './cases.mjs';

/**
 * Runs every case in the runtime, `{ path, args }`: its program, and the arguments before the script by the way that the case
 * needs: `plain`, `byName` for the name `cloudflare:sockets`, `routed` for pg. Returns, by name of the case, null or what
 * went wrong.
 */
export async function runCases({ path, args }) {
  const authority = await createAuthority();
  const credentials = await authority.issue({ names: ['localhost'] });
  const handlers = {
    echo: echo(),
    sink: sink(),
    silent: silent(),
    tls: overTls(credentials, echo()),
    startTls: startTls({}, overTls(credentials, echo())),
  };
  const { host, port, user, password, database, stop } = await startPostgres({ tls: credentials });
  const postgres = { host, port, user, password, database, ssl: { ca: authority.pem } };
  const project = await createProject({ dependencies: ['pg'] });
  cpSync(fileURLToPath(new URL('.', import.meta.url)), join(project.folder, 'smoke'), { recursive: true });
  project.write({
    'package.json': JSON.stringify({ private: true, type: 'module', dependencies: { pg: '*', 'winter-sockets': '*' } }),
  });

  const outcomes = {};
  try {
    for (const name of Object.keys(cases)) outcomes[name] = await attempt(name);
  } finally {
    project.remove();
    await stop();
  }
  return outcomes;

  async function attempt(name) {
    const { server: kind, code = 0, verify, way = 'plain' } = cases[name];
    const server = handlers[kind] ? await serve(handlers[kind]) : null;
    try {
      const where = { hostname: 'localhost', port: server?.port ?? (await refusedPort()), ca: authority.pem, postgres };
      const command = [...args[way], join('smoke', 'program.mjs'), name, JSON.stringify(where)];
      const exit = await runNode(command, { node: path, cwd: project.folder, timeout: 60_000 });
      assert.equal(exit.timedOut, false, 'the process does not end');
      assert.equal(exit.code ?? exit.signal, code, exit.stderr || exit.stdout);
      if (code === 0) assert.equal(exit.stdout.trim(), 'done');
      await verify?.(await server.connection(0));
      return null;
    } catch (error) {
      return error.message;
    } finally {
      await server?.close();
    }
  }
}
