// Builds what is written in Rust, and starts the servers that the clients talk to, with a certificate made for this run.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority } from '../__test__/support/certs.mjs';
import { root } from '../__test__/support/process.mjs';
import { writeWorkerdConfig } from './workerd-config.mjs';

const HOST = '127.0.0.1';

/** Builds what is native with a profile of Cargo's; returns the paths, `{ nativeServer, nativeClient, nativeHandover }`. */
export function buildNative(profile) {
  const args = ['build', '--locked', '--manifest-path', 'bench/native/Cargo.toml', '--profile', profile];
  const env = { CARGO_TARGET_DIR: join(root, 'target'), ...process.env };
  const { status, error, stdout } = spawnSync('cargo', [...args, '--message-format', 'json-render-diagnostics'], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  if (status !== 0) throw new Error(`the server of the benchmark could not be built: ${error?.message ?? 'see above'}`);
  const messages = stdout.trim().split('\n');
  const built = messages.map((line) => JSON.parse(line).executable).filter(Boolean);
  const find = (name) => built.find((path) => basename(path).startsWith(name));
  return {
    nativeServer: find('bench-server'),
    nativeClient: find('bench-client'),
    nativeHandover: find('bench-handover'),
  };
}

/**
 * Starts what buildNative() has built, and PostgreSQL if it is asked for; resolves to the environment of the clients:
 *
 * - `host`, `ports`, `pid`: of the server; the ports by what is spoken there (plain, tls, starttls)
 * - `database`, `noDatabase`: what pg needs to reach PostgreSQL, or null; why it does not run, or null
 * - `nativeClient`: the path of the native client
 * - `ca`: the path of the authority's certificate
 * - `workerdConfig`: the paths of workerd's configurations
 * - `stop()`
 */
export async function startEnvironment({ nativeServer, nativeClient }, { withPostgres = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const authority = await createAuthority('Benchmark Authority');
  const { chain, key } = await authority.issue({ names: ['localhost', HOST] });
  const write = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = write('authority.pem', authority.pem);
  const workerdConfig = writeWorkerdConfig(folder, authority.pem);

  const server = await startServer(nativeServer, [write('cert.pem', chain), write('key.pem', key)]);
  let postgres = null;
  let noDatabase = null;
  try {
    if (withPostgres) postgres = await startDatabase({ cert: chain, key });
  } catch (error) {
    noDatabase = error.message.split('\n').join(' ');
  }
  return {
    ...{ host: HOST, ports: server.ports, pid: server.pid, ca, workerdConfig, nativeClient },
    ...{ database: postgres && connectionOf(postgres), noDatabase },
    async stop() {
      await Promise.all([server.stop(), postgres?.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startServer(executable, files) {
  const child = spawn(executable, files, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const ended = exited.then(([code]) =>
    Promise.reject(new Error(`the server of the benchmark ended with code ${code}`)),
  );
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
  return {
    ports: JSON.parse(line),
    pid: child.pid,
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

async function startDatabase(tls) {
  // It takes a while to load, and only this needs it.
  const { startPostgres } = await import('../__test__/support/postgres.mjs');
  return startPostgres({ tls });
}

function connectionOf({ host, port, user, password, database }) {
  return { host, port, user, password, database };
}
