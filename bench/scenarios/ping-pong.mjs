// A message there and back, again and again, on each of the connections.

import { Buffer } from 'node:buffer';
import { openEchoes } from './opening.mjs';

const messages = [
  { label: '64b', length: 64, size: '64 B' },
  { label: '16k', length: 16 * 1024, size: '16 KiB' },
];
const counts = [
  { connections: 1, many: '1 connection' },
  { connections: 64, many: '64 connections' },
  { connections: 1000, many: '1,000 connections' },
];

export const unit = 'round trips';
export const variants = messages.flatMap(({ label, length, size }) =>
  counts.map(({ connections, many }) => ({
    name: `ping-${label}-${connections}`,
    title: `ping-pong, ${size}, ${many}`,
    length,
    connections,
    short: label === '64b' && connections < 1000,
  })),
);

export async function run({ connect, size, variant, meter }) {
  const message = Buffer.alloc(variant.length, 'p');
  const count = Math.min(variant.connections, size.connections);
  const connections = await openEchoes(connect, message, count);

  const work = (stretch) =>
    Promise.all(connections.map((connection) => connection.pingPong(message, () => stretch.did(1))));
  return meter.rate(work, size);
}
