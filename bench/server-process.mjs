// Builds the server and runs it, with a certificate made for this run.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createAuthority } from '../__test__/support/certs.mjs';
import { root } from '../__test__/support/process.mjs';

const HOST = '127.0.0.1';

/** Builds the server with a profile of Cargo's; returns its path. */
export function buildServer(profile) {
  const args = ['build', '--locked', '--manifest-path', 'bench/server/Cargo.toml', '--profile', profile];
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
  return messages.map((line) => JSON.parse(line).executable).find((executable) => executable);
}

/**
 * Starts it; resolves to `{ host, ports, pid, ca, stop() }`, `ports` by what is spoken there (plain, tls, starttls), and
 * `ca` the path of the authority's certificate.
 */
export async function startServer(executable) {
  const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const authority = await createAuthority('Benchmark Authority');
  const { chain, key } = await authority.issue({ names: ['localhost', HOST] });
  const [ca, certificatePath, keyPath] = Object.entries({
    'ca.pem': authority.pem,
    'cert.pem': chain,
    'key.pem': key,
  }).map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  });

  const child = spawn(executable, [certificatePath, keyPath], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.stdin.end();
    await exited;
  };
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(([code]) => Promise.reject(new Error(`the server of the benchmark ended with code ${code}`))),
  ]);
  return { host: HOST, ports: JSON.parse(line), pid: child.pid, ca, stop };
}
