// docs/drivers.md shows the files that the tests of the drivers use, and names versions and tests that are so.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openGuide } from './support/guide.mjs';
import { root } from './support/process.mjs';

const guide = openGuide('docs/drivers.md');
const files = guide.files();
const folder = 'examples/drivers';
const rows = guide.text.split('\n').filter((line) => line.startsWith('| '));

describe('docs/drivers.md', () => {
  test('has each file of examples/drivers as it is', () => {
    const names = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
    assert.deepEqual(Object.keys(files).sort(), names.sort());
    for (const name of names) {
      assert.equal(files[name], `// ${name}\n${readFileSync(join(root, name), 'utf8')}`, name);
    }
  });

  test('has only files that the test of their driver uses', () => {
    const tests = readdirSync(join(root, '__test__')).filter((name) => /^driver-.*\.test\.mjs$/.test(name));
    const sources = tests.map((name) => readFileSync(join(root, '__test__', name), 'utf8')).join('\n');
    for (const name of Object.keys(files)) assert.ok(sources.includes(`from '../${name}'`), `no test uses ${name}`);
  });

  test('names the versions that are tested', () => {
    const versions = rows.flatMap((row) => [...row.matchAll(/^\| \[([\w-]+)\]\(\S+\) \| ([\d.]+) \|/g)]);
    assert.ok(versions.length >= 8, 'the table was read');
    for (const [, name, version] of versions) {
      const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
      assert.equal(version, manifest.version, name);
    }
  });

  test('names tests that exist', () => {
    const names = rows.flatMap((row) => [...row.matchAll(/`([\w-]+\.test\.mjs)`/g)].map(([, name]) => name));
    const there = readdirSync(join(root, '__test__'));
    assert.ok(names.length > 15, 'the tables were read');
    for (const name of names) assert.ok(there.includes(name), name);
  });
});
