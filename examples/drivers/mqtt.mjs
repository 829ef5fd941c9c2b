import mqtt from 'mqtt';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A client with mqtt's options. It connects anew by itself; `tls` has TLS by winter-sockets. */
export function createClient({ host, port, tls, ...options }) {
  const secureTransport = tls ? 'on' : 'off';
  const open = () => toNodeSocket(connect({ hostname: host, port }, { secureTransport, tls }));
  return new mqtt.MqttClient(open, options);
}
