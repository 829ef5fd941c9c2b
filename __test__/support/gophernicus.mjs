// A Gophernicus Gopher server of its own for a test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from './program-server.mjs';
import { findProgram } from './programs.mjs';

/**
 * Starts a server for a folder that is empty at first. The program serves one connection over its standard streams, as inetd
 * runs it, so it is started for each. Resolves to `{ host, port, address, files, stop() }`.
 */
export async function startGophernicus() {
  const host = 'localhost';
  const files = mkdtempSync(join(tmpdir(), 'winter-sockets-gopher-'));
  // It shows only what everybody may read.
  chmodSync(files, 0o755);
  // It refuses to run as root.
  const { uid, gid } = process.getuid?.() === 0 ? identityOf('nobody') : {};
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    const { port } = server.address();
    const child = spawn(findProgram('gophernicus'), ['-h', host, '-p', String(port), '-r', files, '-nf', '-nm'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      uid,
      gid,
    });
    // It reads its line and no further.
    child.stdin.on('error', () => {});
    socket.on('error', () => {}).pipe(child.stdin);
    child.stdout.pipe(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      child.kill();
    });
  });
  await once(server.listen(0, host), 'listening');
  const { port } = server.address();
  return {
    host,
    port,
    address: `${host}:${port}`,
    files,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(files, { recursive: true });
    },
  };
}
