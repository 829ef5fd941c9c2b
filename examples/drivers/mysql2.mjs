import mysql from 'mysql2/promise';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A pool with mysql2's options. TLS (`ssl`) is mysql2's own, in band, on top of the socket. */
export function createPool({ host, port = 3306, ...options }) {
  const stream = () => toNodeSocket(connect({ hostname: host, port }));
  return mysql.createPool({ ...options, host, port, stream });
}
