import { AbstractConnector, Redis } from 'ioredis';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** Opens each connection of a client, also when it connects anew; `tls` of its options has TLS by winter-sockets. */
class Connector extends AbstractConnector {
  constructor({ host = 'localhost', port = 6379, tls, disconnectTimeout }) {
    super(disconnectTimeout);
    this.open = () => connect({ hostname: host, port }, { secureTransport: tls ? 'on' : 'off', tls });
  }

  async connect() {
    this.stream = toNodeSocket(this.open());
    this.stream.once('error', (error) => {
      this.firstError = error;
    });
    return this.stream;
  }
}

/** A client with ioredis' options. */
export function createClient(options) {
  return new Redis({ ...options, Connector });
}
