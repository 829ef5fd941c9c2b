// A vsftpd FTP server of its own for a test.

import { chmod } from 'node:fs/promises';
import { accepting, freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

/**
 * Starts a server for the user `anonymous`, with any password, who may read and write a folder that is empty at first. It
 * speaks plaintext and, after AUTH TLS, TLS with the given `{ cert, key }` in PEM. Resolves to
 * `{ host, port, user, password, files, log(), stop() }`; `files` is the path of the folder.
 */
export async function startVsftpd({ cert, key }) {
  let port;
  let files;
  const server = await startProgram('vsftpd', {
    ready: () => accepting(port),
    async configure({ user, write, makeFolder }) {
      port = await freePort();
      files = await makeFolder('files');
      // It shows only what everybody may read.
      await chmod(files, 0o755);
      const settings = {
        listen: 'YES',
        listen_address: '127.0.0.1',
        listen_port: port,
        background: 'NO',
        // It needs no privilege, and is the same for root and for anybody else.
        run_as_launching_user: 'YES',
        seccomp_sandbox: 'NO',
        ftp_username: user,
        nopriv_user: user,
        anonymous_enable: 'YES',
        anon_root: files,
        write_enable: 'YES',
        anon_upload_enable: 'YES',
        anon_other_write_enable: 'YES',
        anon_umask: '022',
        xferlog_enable: 'NO',
        ssl_enable: 'YES',
        allow_anon_ssl: 'YES',
        force_local_logins_ssl: 'NO',
        force_local_data_ssl: 'NO',
        rsa_cert_file: await write('server.crt', cert),
        rsa_private_key_file: await write('server.key', key),
      };
      const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
      return [await write('vsftpd.conf', lines.join(''))];
    },
  });
  return { ...server, host: 'localhost', port, user: 'anonymous', password: 'somebody@example.com', files };
}
