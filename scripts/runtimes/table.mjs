// The table of runtimes in README.md, between its markers.

import { cases } from '../../__test__/smoke/cases.mjs';

const MARKED = /(<!-- table: node scripts\/runtimes\/index\.mjs -->\n)([\s\S]*?)(<!-- \/table -->)/;

/** What README.md has between the markers. */
export function tableIn(readme) {
  const [, , table] = readme.match(MARKED) ?? [];
  if (table === undefined) throw new Error('README.md has no markers for the table of runtimes');
  return table;
}

export function withTable(readme, table) {
  tableIn(readme);
  return readme.replace(MARKED, (_, before, _old, after) => `${before}${table}${after}`);
}

/** The table when every case works everywhere. */
export function tableOf(runtimes) {
  const notes = runtimes.flatMap(({ remarks }) => Object.values(remarks));
  const cell = (name, { remarks }) => (remarks[name] ? `yes (${notes.indexOf(remarks[name]) + 1})` : 'yes');
  const rows = Object.keys(cases).map((name) => [name, ...runtimes.map((runtime) => cell(name, runtime))]);
  const head = ['', ...runtimes.map(({ name, version }) => `${name} ${version}`)];
  const lines = [head, head.map(() => '---'), ...rows].map((columns) => `| ${columns.join(' | ')} |`);
  return ['', ...lines, '', ...notes.map((note, index) => `${index + 1}. ${note}`), '', ''].join('\n');
}
