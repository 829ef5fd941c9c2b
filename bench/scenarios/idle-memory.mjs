// What a connection costs that waits for its peer to speak: the growth of the process, divided.

import { Buffer } from 'node:buffer';
import { openEchoes } from './opening.mjs';

export const unit = 'bytes per connection';
export const collects = true;
export const variants = [{ name: 'idle-memory', title: 'memory per idle connection', short: true }];

export async function run({ connect, size, secure, meter }) {
  const message = Buffer.alloc(64, 'i');
  // The first ones pay for what is loaded and started once.
  await openWaiting(connect, message, size.idle.first);
  const before = await meter.memory();
  const count = secure ? size.idle.tls : size.idle.plain;
  const connections = await openWaiting(connect, message, count);
  const grown = (await meter.memory()) - before;
  return { amount: grown / connections.length };
}

async function openWaiting(connect, message, count) {
  const connections = await openEchoes(connect, message, count);
  for (const connection of connections) connection.read();
  return connections;
}
