// An OpenSSH server of its own for a test.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import ssh2 from 'ssh2';
import { freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

const isRoot = process.getuid?.() === 0;

/**
 * Starts a server that lets in the user of the tests, by a key. Resolves to
 * `{ host, port, username, privateKey, hostKey, log(), stop() }`; the keys are in OpenSSH's format, `hostKey` the public one.
 */
export async function startSshd() {
  const ours = ssh2.utils.generateKeyPairSync('ed25519');
  const theirs = ssh2.utils.generateKeyPairSync('ed25519');
  // Where a server that runs as root locks up its helpers; the service would have made it.
  if (isRoot) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  let port;
  const server = await startProgram('sshd', {
    // Only root may become another user, and then the session's own shell is that of nobody: none.
    as: 'root',
    ready: /Server listening on/,
    async configure({ write }) {
      port = await freePort();
      const lines = [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${await write('host.key', theirs.private)}`,
        `AuthorizedKeysFile ${await write('authorized', `${ours.public}\n`)}`,
        'PidFile none',
        // The folders above are open to all.
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'PermitRootLogin prohibit-password',
        'Subsystem sftp internal-sftp',
      ];
      return ['-D', '-e', '-f', await write('sshd_config', lines.map((line) => `${line}\n`).join(''))];
    },
  });
  const username = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
  return { ...server, host: 'localhost', port, username, privateKey: ours.private, hostKey: theirs.public };
}
