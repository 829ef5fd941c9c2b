import { Agent } from 'undici';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A dispatcher for undici's `request()`, `fetch()` and the rest. `tls` are settings for `https:`, TLS by winter-sockets. */
export function createAgent({ tls, ...options } = {}) {
  return new Agent({
    ...options,
    connect({ hostname, port, protocol, servername }, callback) {
      const secure = protocol === 'https:';
      const socket = toNodeSocket(
        connect(
          { hostname, port: Number(port || (secure ? 443 : 80)) },
          { secureTransport: secure ? 'on' : 'off', tls: secure ? { servername, ...tls } : undefined },
        ),
      );
      const failed = (error) => callback(error, null);
      socket.once('error', failed).once('connect', () => {
        socket.off('error', failed);
        callback(null, socket);
      });
    },
  });
}
