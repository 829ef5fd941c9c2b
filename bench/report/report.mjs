// From a run to tables and pictures. A run is `{ date, machine, load, runtimes, missing, lost, size, measurements }`.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, type } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { implementations } from '../catalogue.mjs';
import { failuresOf, summarise, summariseGrowth } from '../statistics.mjs';
import { toChart } from './chart.mjs';
import { toGrowthChart } from './growth-chart.mjs';
import { toHeadlines } from './headlines.mjs';
import { toComparison, toFailures, toFigures, toGrowthTable } from './table.mjs';

const root = new URL('../../', import.meta.url);
const results = new URL('bench/results/', root);
const published = new URL('docs/benchmark/', root);
const page = new URL('docs/performance.md', root);
const markers = ['<!-- figures, written by `npm run bench -- --publish` -->', '<!-- end of figures -->'];

/** What is to be known of a run beside its measurements. */
export function describe({ clients, missing, lost, size, load }) {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model}, ${availableParallelism()} cores, ${type()} ${release()}`,
    runtimes: [...new Set(clients.map(({ runtime }) => runtime))],
    ...{ missing, lost, size, load },
  };
}

/** Prints the tables; whether there was a measurement that failed. */
export function print(run) {
  const { summary, growth, failures } = derive(run);
  const parts = [intro(run), toFigures(summary), toGrowthTable(growth), toComparison(summary), toFailures(failures)];
  console.log(parts.filter(Boolean).join('\n\n'));
  for (const { reason } of failures) if (reason.includes('\n')) console.error(reason);
  return failures.length > 0;
}

/** Writes everything to bench/results/; returns the paths. */
export function save(run) {
  const derived = derive(run);
  return writeAll(results, {
    'results.json': `${JSON.stringify({ ...run, ...derived }, null, 1)}\n`,
    ...files(run, derived),
  });
}

/** Writes what the documentation shows; returns the paths. */
export function publish(run) {
  const derived = derive(run);
  const made = files(run, derived);
  if (!made['headlines.svg'])
    throw new Error('--publish wants a run that has the scenarios of the picture in the README');
  const paths = writeAll(published, made);
  const figures = section(run, derived, Object.keys(made));
  writeFileSync(page, withFigures(readFileSync(page, 'utf8'), figures));
  return [...paths, nameOf(page)];
}

/** The text of docs/performance.md with these figures in place of those it has. */
export function withFigures(text, figures) {
  const [from, to] = markers.map((marker) => text.indexOf(marker));
  if (from < 0 || to < from)
    throw new Error(`${nameOf(page)} has no place for figures between "${markers.join('" and "')}"`);
  return `${text.slice(0, from)}${markers[0]}\n\n${figures}\n\n${text.slice(to)}`;
}

function derive({ measurements }) {
  return {
    summary: summarise(measurements),
    growth: summariseGrowth(measurements),
    failures: failuresOf(measurements),
  };
}

function files(run, { summary, growth, failures }) {
  const tables = [
    '# All figures of the benchmark',
    intro(run),
    toFigures(summary),
    toGrowthTable(growth),
    toFailures(failures),
  ];
  const made = { 'figures.md': `${tables.filter(Boolean).join('\n\n')}\n` };
  for (const node of nodesOf(summary)) {
    const entries = summary.filter((each) => each.node === node);
    if (entries.some(({ ratio }) => ratio)) made[`${suffixed('ratios', node)}.svg`] = toChart(entries);
  }
  // The picture of the README, of the first version.
  const [first] = nodesOf(summary);
  const headlines = toHeadlines(summary.filter(({ node }) => node === first));
  if (headlines) made['headlines.svg'] = headlines;
  for (const node of nodesOf(growth)) {
    made[`${suffixed('growth', node)}.svg`] = toGrowthChart(growth.filter((each) => each.node === node));
  }
  return made;
}

/** The figures of docs/performance.md; `names` are those of the files beside it. */
function section(run, { summary, growth, failures }, names) {
  const pictures = names.filter((name) => name.endsWith('.svg')).map((name) => `- [${name}](benchmark/${name})`);
  const all = 'Spread and processor times of everyone: [all figures](benchmark/figures.md). As pictures:';
  return [intro(run), toComparison(summary), toGrowthTable(growth), toFailures(failures), all, pictures.join('\n')]
    .filter(Boolean)
    .join('\n\n');
}

/** What is said before everything else. */
export function intro({ date, machine, load, runtimes, missing, lost, measurements }) {
  const rounds = roundsOf(measurements);
  return [
    rounds > 0 && `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'} (least–most).`,
    `${date}; ${machine}; load ${load.toFixed(1)} before the run.`,
    `${runtimes.join(', ')}.`,
    ...missing.map(({ implementation, reason }) => `Left out: ${implementations[implementation].title} (${reason}).`),
    ...lost,
  ]
    .filter(Boolean)
    .join(' ');
}

/** Of the scenario that has most: runs that were put together do not have every scenario in every round. */
function roundsOf(measurements) {
  const rounds = new Map();
  for (const { scenario, round } of measurements) rounds.set(scenario, (rounds.get(scenario) ?? new Set()).add(round));
  return Math.max(0, ...[...rounds.values()].map(({ size }) => size));
}

/** The folder holds these files then, and nothing of an earlier run. */
function writeAll(folder, contents) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!(name in contents)) rmSync(new URL(name, folder));
  return Object.entries(contents).map(([name, text]) => {
    const url = new URL(name, folder);
    writeFileSync(url, text);
    return nameOf(url);
  });
}

function nodesOf(entries) {
  return [...new Set(entries.map(({ node }) => node))];
}

/** Stable from one release of Node to the next, so that pages can link to it. */
function suffixed(name, node) {
  return node === null ? name : `${name}-node-${node.split('.')[0]}`;
}

function nameOf(url) {
  return relative(fileURLToPath(root), fileURLToPath(url));
}
