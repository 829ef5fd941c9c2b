// What the documents say about files, tests and options is so.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { tlsOptionTable } from '../lib/tls-option-table.js';
import { names as behaviours } from './conformance/behaviours.mjs';
import { differences } from './conformance/differences.mjs';
import { openGuide } from './support/guide.mjs';
import { root, runNode } from './support/process.mjs';

const notOurs = new Set(['node_modules', 'target', '.git']);

function find(folder, suffix) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : find(path, suffix);
    return entry.name.endsWith(suffix) ? [path] : [];
  });
}

const read = (path) => readFileSync(path, 'utf8');
const documents = find(root, '.md').map((path) => ({ path, name: relative(root, path), text: read(path) }));
const document = (name) => documents.find((each) => each.name === join('docs', name)).text;

describe('links', () => {
  for (const { path, name, text } of documents) {
    test(`of ${name} lead to something`, () => {
      const links = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
      for (const link of links.filter((each) => !/^(https?:|mailto:)/.test(each))) {
        const [file, anchor] = link.split('#');
        const target = file === '' ? path : join(dirname(path), file);
        assert.ok(existsSync(target), `${link} does not exist`);
        if (anchor) assert.ok(anchors(read(target)).includes(anchor), `${link} has no such heading`);
      }
    });
  }
});

/** The anchors that headings get where Markdown is shown. */
function anchors(text) {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('examples', () => {
  for (const { name, text } of documents) {
    const examples = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    if (examples.length === 0) continue;
    test(`of ${name} can be parsed`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-'));
      t.after(() => rmSync(folder, { recursive: true }));
      for (const code of examples) {
        const file = join(folder, 'example.mjs');
        writeFileSync(file, code);
        const { stderr, code: exit } = await runNode(['--check', file]);
        assert.equal(exit, 0, stderr);
      }
    });
  }
});

describe('guides', () => {
  const tests = find(join(root, '__test__'), '.test.mjs').map(read);

  for (const name of ['bundlers.md', 'pg.md', 'workers.md', 'your-driver.md']) {
    const path = join('docs', name);
    test(`every block of ${name} is asked for by a test`, () => {
      const readers = tests.filter((source) => source.includes(`openGuide('docs/${name}')`)).join('\n');
      const parts = [...readers.matchAll(/guide\.(commands|block|file)\('([^']+)'\)/g)];
      const asks = ({ language, file, code }) => {
        if (file !== null && readers.includes('guide.files()')) return true;
        const kind = file !== null ? 'file' : language === 'sh' ? 'commands' : 'block';
        return parts.some(
          ([, method, part]) => method === kind && (kind === 'file' ? file === part : code.includes(part)),
        );
      };
      assert.deepEqual(
        openGuide(path).blocks.filter((block) => !asks(block)),
        [],
      );
    });
  }
});

describe('docs/differences.md', () => {
  const rows = document('differences.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (point|---) /.test(line));
  const citations = (row) =>
    [...row.matchAll(/`([\w-]+\.(?:test\.mjs|rs))` `([^`]+)`/g)].map(([, file, name]) => ({ file, name }));

  test('names a test for each row', () => {
    assert.ok(rows.length > 50, 'the tables were read');
    for (const row of rows) assert.ok(citations(row).length > 0, row);
  });

  test('names only tests that exist', () => {
    const sources = new Map(
      ['src', 'tests'].flatMap((folder) => find(join(root, folder), '.rs')).map((path) => [basename(path), read(path)]),
    );
    for (const { file, name } of rows.flatMap(citations)) {
      const exists = file.endsWith('.rs') ? sources.get(file)?.includes(`fn ${name}(`) : hasTest(file, name);
      assert.ok(exists, `${file} has no test "${name}"`);
    }
  });

  test('has every difference that the behaviours show', () => {
    const named = rows.flatMap(citations).map(({ name }) => name);
    for (const name of Object.keys(differences)) assert.ok(named.includes(name), `"${name}" is in no row`);
  });
});

/** Whether a test file has a test of this name; one with parameters in its name stands for all that it makes. */
function hasTest(file, name) {
  if (file === 'conformance.test.mjs') return behaviours.includes(name);
  const path = join(root, '__test__', file);
  if (!existsSync(path)) return false;
  const literals = read(path).matchAll(/\btest\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/g);
  return [...literals].some(([, single, double, template]) => {
    const literal = single ?? double ?? template;
    return literal === name || (template !== undefined && asPattern(template).test(name));
  });
}

function asPattern(template) {
  const fixed = template.split(/\$\{[^}]*\}/).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${fixed.join('.+')}$`);
}

test('docs/tls.md has the table of options as it is', () => {
  const [, table] = document('tls.md').match(
    /<!-- table: lib\/tls-option-table\.js -->\n\n([\s\S]*?)\n\n<!-- \/table -->/,
  );
  const rows = Object.entries(tlsOptionTable).map(
    ([name, { verdict, reason }]) => `| \`${name}\` | ${verdict} | ${reason} |`,
  );
  assert.equal(table, ['| option | | what it means |', '| --- | --- | --- |', ...rows].join('\n'));
});
