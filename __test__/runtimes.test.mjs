// The cases that the table of runtimes in README.md is made of, on this Node, Bun and Deno. scripts/runtimes runs them on the
// other releases of Node too.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runtimes } from '../scripts/runtimes/list.mjs';
import { tableIn, tableOf } from '../scripts/runtimes/table.mjs';
import { cases } from './smoke/cases.mjs';
import { runCases } from './smoke/run.mjs';
import { root, runNode } from './support/process.mjs';

const [node] = runtimes();
const here = [{ ...node, path: process.execPath, version: process.versions.node, missing: false }];
for (const runtime of [...here, ...runtimes().filter(({ name }) => name !== 'Node')]) {
  test(`every case works on ${runtime.name} ${runtime.version}`, {
    timeout: 300_000,
    skip: runtime.missing,
  }, async (t) => {
    const outcomes = await runCases(runtime);
    assert.deepEqual(Object.keys(outcomes), Object.keys(cases));
    for (const [name, failure] of Object.entries(outcomes)) await t.test(name, () => assert.equal(failure, null));
  });
}

test('Bun says that it does not route postgres.js', async (t) => {
  const bun = runtimes().find(({ name }) => name === 'Bun');
  if (bun.missing) return t.skip(bun.missing);
  const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-bun-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ routes: { postgres: true } }));
  const args = [...bun.args.routed, fileURLToPath(new URL('./smoke/by-name.mjs', import.meta.url))];
  const { stderr, code } = await runNode(args, { node: bun.path, env: { WINTER_SOCKETS_CONFIG: file } });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /WINTER_SOCKETS_POSTGRES_NOT_ROUTED.*this is not done in Bun/s);
});

test('what is said of a runtime is said of a case', () => {
  for (const { remarks } of runtimes()) {
    for (const name of Object.keys(remarks)) assert.ok(Object.hasOwn(cases, name), name);
  }
});

test('README.md has the table that was seen last', () => {
  assert.equal(tableIn(readFileSync(join(root, 'README.md'), 'utf8')), tableOf(runtimes()));
});
