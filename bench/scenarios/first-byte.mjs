// From the start of the process to the first answer of a server.

import { Buffer } from 'node:buffer';
import { openEcho } from './opening.mjs';

export const unit = 'seconds';
export const variants = [{ name: 'first-byte', title: 'time from process start to first byte', short: true }];

export async function run({ connect, meter }) {
  await openEcho(connect, Buffer.alloc(64, 'f'));
  return { amount: await meter.age() };
}
