// The cases that the table of runtimes in README.md is made of, on this Node. The others are run by scripts/runtimes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runtimes } from '../scripts/runtimes/list.mjs';
import { expectedTable, tableIn } from '../scripts/runtimes/table.mjs';
import { cases } from './smoke/cases.mjs';
import { runCases } from './smoke/run.mjs';
import { root } from './support/process.mjs';

test('every case works on this Node', { timeout: 300_000 }, async (t) => {
  const [node] = runtimes();
  const outcomes = await runCases({ ...node, path: process.execPath });
  assert.deepEqual(Object.keys(outcomes), Object.keys(cases));
  for (const [name, failure] of Object.entries(outcomes)) await t.test(name, () => assert.equal(failure, null));
});

test('what is said of a runtime is said of a case', () => {
  for (const { limits, remarks } of runtimes()) {
    for (const name of Object.keys({ ...limits, ...remarks })) assert.ok(Object.hasOwn(cases, name), name);
  }
});

test('README.md has the table that was seen last', () => {
  assert.equal(tableIn(readFileSync(join(root, 'README.md'), 'utf8')), expectedTable(runtimes()));
});
