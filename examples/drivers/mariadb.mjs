import mariadb from 'mariadb';
import { connect } from 'winter-sockets';
import { toNodeSocket } from 'winter-sockets/node';

/** A pool with mariadb's options, but not its `ssl`. */
export function createPool({ host, port = 3306, ...options }) {
  const stream = (callback) => callback(null, toNodeSocket(connect({ hostname: host, port })));
  return mariadb.createPool({ ...options, host, port, stream });
}
