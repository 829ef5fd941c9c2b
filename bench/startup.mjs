// What the preload costs a process that does not use it: `node bench/startup.mjs [rounds [major ...]]`, on the releases of
// scripts/node-majors.mjs. Prints Markdown tables: for a program that does nothing, and in a quarter of the rounds for
// programs of many files, since Node asks the preload for each name that it resolves.
//
// The package lies where npm would put it, beside another whose preload is an empty file: what Node takes to find and load
// that is the floor of any preload. The ways to start a program are taken by turns, in an order that is drawn anew each
// round, and the shortest time of each counts: what else the machine does only ever adds to it. Without a preload once more
// is the noise that is left.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodesForPreload } from '../scripts/node-majors.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const register = 'winter-sockets/register';
const empty = 'empty-preload/register';
const bare = 'without it';
const again = 'once more';
/** How many files a program of many has. */
const FILES = 500;

const [wantedRounds = '41', ...majors] = process.argv.slice(2);
const rounds = Number(wantedRounds);

const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-startup-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
makePackages();
const programs = { 'require()': makeProgram('cjs'), import: makeProgram('mjs') };
const wanted = nodesForPreload().filter(({ major }) => majors.length === 0 || majors.includes(String(major)));
for (const { missing } of wanted) if (missing) console.error(missing);
const nodes = wanted.filter(({ missing }) => !missing);

printTable('an empty program', ['--eval', '0'], rounds, ['--import', '--require']);
for (const [kind, program] of Object.entries(programs)) {
  const what = `a program that loads ${FILES} small files by ${kind}`;
  printTable(what, [program], Math.ceil(rounds / 4), ['--import']);
}

/** The flags of a way to start, by its name: the last word is the flag. */
function preload(name) {
  const flag = name.split(' ').at(-1);
  if (!flag.startsWith('--')) return [];
  return [flag, name === flag ? register : empty];
}

/** What is installed in the folder: this package, and one of the same kind whose preload is empty. */
function makePackages() {
  const ours = join(folder, 'node_modules', 'winter-sockets');
  for (const file of ['package.json', 'index.js', 'lib'])
    cpSync(join(root, file), join(ours, file), { recursive: true });
  const other = join(folder, 'node_modules', 'empty-preload');
  mkdirSync(other);
  const exports = { './register': { default: './register.js' } };
  writeFileSync(join(other, 'package.json'), JSON.stringify({ name: 'empty-preload', type: 'commonjs', exports }));
  writeFileSync(join(other, 'register.js'), '');
}

/** A program of many files, in modules of a kind. */
function makeProgram(extension) {
  const load = extension === 'cjs' ? (name) => `require('${name}');` : (name) => `import '${name}';`;
  mkdirSync(join(folder, extension));
  const names = Array.from({ length: FILES }, (_, index) => `./${extension}/${index}.${extension}`);
  for (const name of names) writeFileSync(join(folder, name), '0;');
  const program = join(folder, `program.${extension}`);
  writeFileSync(program, names.map(load).join('\n'));
  return program;
}

/** A row for each Node, a column for each way to start the program. */
function printTable(what, program, rounds, flags) {
  const names = [bare, again, ...flags.flatMap((flag) => [`an empty file, ${flag}`, flag])];
  const ways = Object.fromEntries(names.map((name) => [name, [...preload(name), ...program]]));
  console.log(`Milliseconds from start to exit of ${what}, the shortest of ${rounds}.\n`);
  console.log(`| Node | ${names.join(' | ')} |`);
  console.log(`| --- ${'| --- '.repeat(names.length)}|`);
  for (const { version, path } of nodes) {
    const shortest = measure(path, ways, rounds);
    const more = names.slice(1).map((name) => signed(shortest[name] - shortest[bare]));
    console.log(`| ${[version, shortest[bare].toFixed(1), ...more].join(' | ')} |`);
  }
  console.log('');
}

/** The shortest time of each way. */
function measure(node, ways, rounds) {
  const names = Object.keys(ways);
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
  const { status, stderr } = spawnSync(node, flags, { cwd: folder });
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
