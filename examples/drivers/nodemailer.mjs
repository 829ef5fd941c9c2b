import { createTransport as createNodemailerTransport } from 'nodemailer';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A transport with nodemailer's options. TLS, from the first byte or by STARTTLS, is nodemailer's own, on top of the socket. */
export function createTransport(options) {
  const getSocket = ({ host, port }, callback) => {
    const connection = toNodeSocket(connect({ hostname: host, port }));
    connection.once('error', callback).once('connect', () => {
      connection.off('error', callback);
      callback(null, { connection });
    });
  };
  return createNodemailerTransport({ ...options, getSocket });
}
