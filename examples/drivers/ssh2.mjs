import ssh2 from 'ssh2';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A client that is connecting, with ssh2's options: it emits 'ready', or 'error'. */
export function createClient({ host, port = 22, ...options }) {
  const sock = toNodeSocket(connect({ hostname: host, port }));
  return new ssh2.Client().connect({ ...options, sock });
}
