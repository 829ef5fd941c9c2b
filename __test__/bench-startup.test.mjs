// The measurement of what the preload costs at the start works: one round says nothing about the figures.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodesForPreload } from '../scripts/node-majors.mjs';
import { runWell } from './support/register.mjs';

test('each table has a row for each Node, with a figure for each way', { timeout: 240_000 }, async () => {
  const { stdout } = await runWell(['bench/startup.mjs', '1']);
  const present = nodesForPreload().filter(({ missing }) => !missing);
  const tables = stdout
    .trimEnd()
    .split('\n\n')
    .filter((part) => part.startsWith('|'));
  assert.equal(tables.length, 3);
  for (const [index, table] of tables.entries()) {
    const rows = table.split('\n').slice(2);
    assert.deepEqual(
      rows.map((row) => row.split('|')[1].trim()),
      present.map(({ version }) => version),
    );
    const ways = index === 0 ? 5 : 3;
    for (const row of rows)
      assert.match(row, new RegExp(`^\\| [\\d.]+ \\| \\d+\\.\\d( \\| [+-]\\d+\\.\\d){${ways}} \\|$`));
  }
});
