import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';
import { WebSocket } from 'ws';

/** A WebSocket to a `ws:` or `wss:` URL, with ws' options. `tls` are settings for `wss:`, TLS by winter-sockets. */
export function openWebSocket(url, { tls, ...options } = {}) {
  const { hostname, port, protocol } = new URL(url);
  const secure = protocol === 'wss:';
  const address = { hostname, port: Number(port || (secure ? 443 : 80)) };
  const createConnection = () => toNodeSocket(connect(address, { secureTransport: secure ? 'on' : 'off', tls }));
  return new WebSocket(url, { ...options, createConnection });
}
