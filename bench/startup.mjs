// What the preload costs at the start of a process that does not use it: `node bench/startup.mjs [rounds]`, on this Node and on
// those of scripts/node-majors.mjs. Prints a Markdown table.
//
// A process that does nothing is started without the preload and with it by turns, in an order that is drawn anew each round.
// The shortest time of each way counts: what else the machine does only ever adds to it. Without the preload once more is the
// noise that is left, and an empty file what it costs Node to preload anything.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodesForPreload } from '../scripts/node-majors.mjs';

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

console.log(`Milliseconds from start to exit of an empty program, the shortest of ${rounds}.\n`);
const names = Object.keys(ways);
console.log(`| Node | ${bare} | ${names.slice(1).join(' | ')} |`);
console.log(`| --- ${'| --- '.repeat(names.length)}|`);
for (const { version, path, missing } of nodesForPreload()) {
  if (missing) {
    console.error(missing);
    continue;
  }
  const shortest = measure(path);
  const cells = names.map((name) =>
    name === bare ? shortest[bare].toFixed(1) : signed(shortest[name] - shortest[bare]),
  );
  console.log(`| ${version} | ${cells.join(' | ')} |`);
}

/** The shortest time of each way. */
function measure(node) {
  const shortest = Object.fromEntries(names.map((name) => [name, Number.POSITIVE_INFINITY]));
  // The first round fills the caches of the system.
  for (let round = 0; round <= rounds; round++) {
    for (const name of shuffled(names)) {
      const time = start(node, ways[name]);
      if (round > 0) shortest[name] = Math.min(shortest[name], time);
    }
  }
  return shortest;
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
