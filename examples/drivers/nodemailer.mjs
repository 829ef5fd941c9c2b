import { createTransport as createNodemailerTransport } from 'nodemailer';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A transport with nodemailer's options. TLS, from the first byte or by STARTTLS, is nodemailer's own, on top of the socket. */
export function createTransport(options) {
  const getSocket = ({ host, port, connectionTimeout }, callback) => {
    const connection = toNodeSocket(connect({ hostname: host, port }));
    // Not by a `signal` of `connect()`, which would hold for the connection that is up too.
    const timedOut = Object.assign(new Error('Connection timeout'), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => connection.destroy(timedOut), connectionTimeout || 120_000);
    const settled = (error) => {
      clearTimeout(timer);
      connection.off('error', settled).off('connect', settled);
      callback(error ?? null, error ? undefined : { connection });
    };
    connection.on('error', settled).on('connect', settled);
  };
  return createNodemailerTransport({ ...options, getSocket });
}
