// Runs the cases of __test__/smoke in every runtime that the package is said to work in, and writes the table in README.md.
// `--check` writes nothing, and fails where the table is not what was seen.

import { readFileSync, writeFileSync } from 'node:fs';
import { runCases } from '../../__test__/smoke/run.mjs';
import { runtimes } from './list.mjs';
import { tableIn, tableOf, withTable } from './table.mjs';

const readme = new URL('../../README.md', import.meta.url);
const mayWrite = !process.argv.includes('--check');
const all = runtimes();
const failures = [];

for (const runtime of all) {
  const title = `${runtime.name} ${runtime.version}`;
  if (runtime.missing) {
    failures.push(`${title}: ${runtime.missing}`);
    continue;
  }
  const outcomes = Object.entries(await runCases(runtime));
  console.log(`${title}: ${outcomes.filter(([, failure]) => failure === null).length} of ${outcomes.length} cases`);
  for (const [name, failure] of outcomes) {
    if (failure !== null) failures.push(`${title}, ${name}: ${failure}`);
  }
}

for (const failure of failures) console.error(`\n${failure}`);
if (failures.length > 0) process.exit(1);

const text = readFileSync(readme, 'utf8');
const table = tableOf(all);
if (mayWrite) {
  writeFileSync(readme, withTable(text, table));
} else if (tableIn(text) !== table) {
  console.error('The table of runtimes in README.md is out of date: node scripts/runtimes/index.mjs writes it.');
  process.exit(1);
}
