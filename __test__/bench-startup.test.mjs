// The measurement of what the preload costs at the start works: one round says nothing about the figures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodesForPreload } from '../scripts/node-majors.mjs';
import { runWell } from './support/register.mjs';

test('there is a row for each Node, with a figure for each way', { timeout: 120_000 }, async () => {
  const { stdout } = await runWell(['bench/startup.mjs', '1']);
  const [, ...rows] = stdout.split('\n').filter((line) => line.startsWith('|'));
  const names = rows.slice(1).map((row) => row.split('|')[1].trim());
  const present = nodesForPreload().filter(({ missing }) => !missing);
  assert.deepEqual(
    names,
    present.map(({ version }) => version),
  );
  for (const row of rows.slice(1)) assert.match(row, /^\| [\d.]+ \| \d+\.\d( \| [+-]\d+\.\d){5} \|$/);
});
