// A Dovecot IMAP server of its own for a test.

import { freePort } from './ports.mjs';
import { startProgram } from './program-server.mjs';

/**
 * Starts a server with one mailbox, which is empty. It speaks plaintext and STARTTLS at `port` and TLS at `tlsPort`, with the
 * given `{ cert, key }` in PEM. Resolves to `{ host, port, tlsPort, user, password, log(), stop() }`.
 */
export async function startDovecot({ cert, key }) {
  const host = 'localhost';
  const credentials = { user: 'winter', password: 'correct horse' };
  let port;
  let tlsPort;
  const server = await startProgram('dovecot', {
    ready: /Dovecot v.* starting up/,
    async configure({ folder, user, group, write, makeFolder }) {
      port = await freePort();
      tlsPort = await freePort();
      const passwd = await write('passwd', `${credentials.user}:{PLAIN}${credentials.password}\n`);
      const mail = await makeFolder('mail');
      const base = await makeFolder('run');
      const certFile = await write('server.crt', cert);
      const keyFile = await write('server.key', key);
      const text = settings({ folder, user, group, port, tlsPort, passwd, mail, base, certFile, keyFile });
      return ['-F', '-c', await write('dovecot.conf', text)];
    },
  });
  return { ...server, ...credentials, host, port, tlsPort };
}

// Every part of it runs as the one user, and none in a changed root, so that it needs no privilege.
function settings({ folder, user, group, port, tlsPort, passwd, mail, base, certFile, keyFile }) {
  return `
protocols = imap
listen = 127.0.0.1
base_dir = ${base}
state_dir = ${folder}
log_path = /dev/stderr
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
first_valid_uid = 1
disable_plaintext_auth = no
mail_location = maildir:${mail}
ssl = yes
ssl_cert = <${certFile}
ssl_key = <${keyFile}
passdb {
  driver = passwd-file
  args = ${passwd}
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${mail} allow_all_users=yes
}
namespace inbox {
  inbox = yes
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = ${tlsPort}
    ssl = yes
  }
}
`;
}
