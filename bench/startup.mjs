// What the preload costs at the start of a process that does not use it: `node bench/startup.mjs [rounds]`, on this Node and on
// those of scripts/node-majors.mjs. Prints a Markdown table.
//
// A process that does nothing is started without the preload and with it by turns, in an order that is drawn anew each round,
// and the two are compared round by round: what else the machine does meets both alike. Without it once more is the noise, and
// an empty file what it costs Node to preload anything.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodesForPreload } from '../scripts/node-majors.mjs';
import { median } from './statistics.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const register = 'winter-sockets/register';
const bare = 'without it';
const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-startup-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const empty = join(folder, 'empty.cjs');
writeFileSync(empty, '');
const ways = {
  [bare]: [],
  'once more': [],
  'an empty file, --import': ['--import', empty],
  '--import': ['--import', register],
  'an empty file, --require': ['--require', empty],
  '--require': ['--require', register],
};

const rounds = Number(process.argv[2] ?? 41);

console.log(`Milliseconds from start to exit of an empty program, medians of ${rounds} rounds.\n`);
const names = Object.keys(ways);
console.log(`| Node | ${bare} | ${names.slice(1).join(' | ')} |`);
console.log(`| --- ${'| --- '.repeat(names.length)}|`);
for (const { version, path, missing } of nodesForPreload()) {
  if (missing) {
    console.error(missing);
    continue;
  }
  const times = measure(path);
  const cells = names.map((name) => {
    if (name === bare) return median(times[bare]).toFixed(1);
    const differences = times[name].map((time, round) => time - times[bare][round]);
    return signed(median(differences));
  });
  console.log(`| ${version} | ${cells.join(' | ')} |`);
}

/** The times of each way, by round. */
function measure(node) {
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) start(node, ways[name]);
  for (let round = 0; round < rounds; round++) {
    for (const name of shuffled(names)) times[name].push(start(node, ways[name]));
  }
  return times;
}

/** Milliseconds until the process has ended. */
function start(node, flags) {
  const begin = performance.now();
  const { status, stderr } = spawnSync(node, [...flags, '--eval', '0'], { cwd: root });
  const time = performance.now() - begin;
  if (status !== 0) throw new Error(`${node} ${flags.join(' ')} failed:\n${stderr}`);
  return time;
}

function shuffled(list) {
  const drawn = list.map((item) => ({ item, order: Math.random() }));
  return drawn.sort((a, b) => a.order - b.order).map(({ item }) => item);
}

function signed(number) {
  return `${number < 0 ? '-' : '+'}${Math.abs(number).toFixed(1)}`;
}
