import { Agent, errors } from 'undici';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A dispatcher for undici's `request()`, `fetch()` and the rest. `tls` are settings for `https:`, TLS by winter-sockets. */
export function createAgent({ tls, connectTimeout = 10_000, ...options } = {}) {
  return new Agent({
    ...options,
    connectTimeout,
    connect({ hostname, port, protocol, servername }, callback) {
      const secure = protocol === 'https:';
      const socket = toNodeSocket(
        connect(
          { hostname, port: Number(port || (secure ? 443 : 80)) },
          { secureTransport: secure ? 'on' : 'off', tls: secure ? { servername, ...tls } : undefined },
        ),
      );
      // Not by a `signal` of `connect()`, which would hold for the connection that is up too.
      const giveUp = () => socket.destroy(new errors.ConnectTimeoutError());
      const timer = connectTimeout > 0 ? setTimeout(giveUp, connectTimeout) : undefined;
      const settled = (error) => {
        clearTimeout(timer);
        socket.off('error', settled).off('connect', settled);
        callback(error ?? null, error ? null : socket);
      };
      socket.on('error', settled).on('connect', settled);
    },
  });
}
