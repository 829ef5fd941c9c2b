// What every implementation over web streams, or with a thread of its own, pays on this Node before it has moved a byte, for
// docs/performance.md: `node --expose-gc bench/floors.mjs`.

import { execFileSync } from 'node:child_process';
import { buildNative } from './environment.mjs';

const ROUNDS = 5;

/** Processor time of one call in nanoseconds, the least of several rounds. */
async function timeOf(count, call) {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) await call();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, ((user + system) * 1000) / count);
  }
  return `${least.toFixed(0)} ns`;
}

/** JavaScript memory of what a call returns, in KiB. */
async function memoryOf(call) {
  const count = 5000;
  const kept = Array.from({ length: count }, () => null);
  for (let i = 0; i < count; i++) call();
  const before = await heap();
  for (let i = 0; i < count; i++) kept[i] = call();
  const grown = (await heap()) - before;
  return `${(grown / kept.length / 1024).toFixed(1)} KiB`;
}

async function heap() {
  await new Promise((resolve) => setTimeout(resolve, 100));
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

let controller;
const source = {
  type: 'bytes',
  start(given) {
    controller = given;
  },
  pull() {
    controller.enqueue(new Uint8Array(64));
  },
};
const silent = { type: 'bytes', pull() {} };
const chunk = new Uint8Array(64);

function pair() {
  const readable = new ReadableStream(silent, { highWaterMark: 0 });
  const writable = new WritableStream({ write() {} }, { highWaterMark: 65536, size: ({ byteLength }) => byteLength });
  return { reader: readable.getReader(), writer: writable.getWriter() };
}

const reader = new ReadableStream(source, { highWaterMark: 0 }).getReader();
const writer = new WritableStream({ write() {} }).getWriter();

const { nativeHandover } = buildNative('release');

console.table({
  'one thread wakes another': { time: `${1000 * Number(execFileSync(nativeHandover, { encoding: 'utf8' }))} ns` },
  'a read of 64 B that is there': { time: await timeOf(50_000, () => reader.read()) },
  'the same without a stream': {
    time: await timeOf(50_000, () => Promise.resolve({ value: new Uint8Array(64), done: false })),
  },
  'a write, awaited': { time: await timeOf(50_000, () => writer.write(chunk)) },
  'readable and writable with reader and writer': { time: await timeOf(2000, pair), memory: await memoryOf(pair) },
  'the same, and a read that waits': {
    memory: await memoryOf(() => {
      const made = pair();
      return { ...made, read: made.reader.read() };
    }),
  },
});
