// What scenarios with several connections share.

import { Buffer } from 'node:buffer';
import { echo } from '../client/requests.mjs';

const AT_ONCE = 32;

/** A connection that sends messages of this size back, after a first round trip. */
export async function openEcho(connect, message) {
  const connection = await connect();
  await connection.send(() => Buffer.concat([echo(message.length), message]), 1);
  await connection.receive(message.length);
  return connection;
}

/** So many of them. */
export async function openEchoes(connect, message, count) {
  const connections = [];
  let left = count;
  const open = async () => {
    while (left > 0) {
      left--;
      connections.push(await openEcho(connect, message));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
  return connections;
}
