// The harness of the benchmark works: what it measures here is too little to say anything about speed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readArguments } from '../bench/arguments.mjs';
import { findScenario, implementations, reference, scenarios } from '../bench/catalogue.mjs';
import { toSvg } from '../bench/report/chart.mjs';
import { toMarkdown } from '../bench/report/table.mjs';
import { runRounds } from '../bench/rounds.mjs';
import { buildServer, startServer } from '../bench/server-process.mjs';
import { sizes } from '../bench/sizes.mjs';
import { median, summarise } from '../bench/statistics.mjs';

const names = Object.keys(implementations);
const linux = process.platform === 'linux';

// Each kind of work once, and each transport several times.
const chosen = [
  'download-plain',
  'upload-64k-plain',
  'upload-1k-tls',
  'ping-64b-64-plain',
  'ping-16k-1-tls',
  'connect-32-tls',
  'start-tls-1',
  'idle-memory-plain',
  'slow-client-tls',
  'slow-server-plain',
].map(findScenario);

describe('a round of everything', () => {
  let server;
  let measurements;
  let summary;

  before(async () => {
    server = await startServer(buildServer('dev'));
    const plan = { rounds: 1, nodes: [process.execPath], scenarios: chosen, implementations: names, size: sizes.tiny };
    measurements = await runRounds(plan, server);
    summary = summarise(measurements);
  });
  after(() => server?.stop());

  test('measures each scenario with each implementation', () => {
    assert.equal(measurements.length, chosen.length * names.length);
    for (const { scenario, implementation, amount, seconds, jsCpu, cpu } of measurements) {
      const what = `${scenario}, ${implementation}`;
      // So few connections may fit into memory that the process had already.
      if (!scenario.startsWith('idle-memory')) assert.ok(amount > 0, what);
      if (seconds === undefined) continue;
      assert.ok(seconds > 0 && cpu > 0, what);
      if (linux) assert.ok(jsCpu > 0 && jsCpu <= cpu * 1.1 + 0.01, `${what}: ${jsCpu} of ${cpu} s`);
    }
  });

  test('makes a table with a row for each', () => {
    const rows = toMarkdown(summary, { rounds: 1, machine: '' })
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (scenario|---) /.test(line));
    assert.equal(rows.length, summary.length);
    for (const row of rows) assert.doesNotMatch(row, /NaN|undefined|null|Infinity/);
  });

  test('makes a picture with a bar for each', () => {
    const svg = toSvg(summary);
    const shown = summary.filter(({ ratio }) => ratio !== null);
    assert.equal(svg.match(/<rect /g).length, shown.length + names.length);
    assert.doesNotMatch(svg, /NaN|undefined|null|Infinity/);
  });
});

describe('a summary', () => {
  const measured = (round, implementation, amount) => ({
    ...{ round, node: '20', scenario: 'download-plain', implementation },
    ...{ amount, seconds: 2, jsCpu: 1, cpu: 2, serverCpu: null },
  });

  test('has the median of the ratios of each round, not the ratio of the medians', () => {
    const [first] = summarise([
      ...[measured(1, 'toweb', 10), measured(1, reference, 20)],
      ...[measured(2, reference, 10), measured(2, 'toweb', 30)],
      ...[measured(3, 'toweb', 20), measured(3, reference, 80)],
    ]);
    assert.equal(first.implementation, 'toweb');
    assert.deepEqual(first.value, { median: 10, min: 5, max: 15 });
    assert.deepEqual(first.ratio, { median: 0.5, min: 0.25, max: 3 });
    assert.deepEqual(first.jsCpu, { median: 1 / 20, min: 1 / 30, max: 1 / 10 });
    assert.equal(first.serverBusy, null);
  });

  test('has no ratio where the reference was not measured', () => {
    const [only] = summarise([measured(1, 'toweb', 10)]);
    assert.equal(only.ratio, null);
  });

  test('has the mean of the two in the middle as the median of an even number', () => {
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(median([10, 9, 100]), 10);
  });
});

describe('the command line', () => {
  test('takes everything, seven rounds and this Node if nothing is said', () => {
    const { rounds, nodes, size, ...rest } = readArguments([]);
    assert.deepEqual({ rounds, nodes }, { rounds: 7, nodes: [process.execPath] });
    assert.equal(rest.scenarios.length, scenarios.length);
    assert.deepEqual(rest.implementations, names);
    assert.equal(size, sizes.full);
  });

  test('takes beginnings of the names of scenarios', () => {
    const plan = readArguments(['--scenarios', 'download,ping-16k-1-']);
    const expected = ['download-plain', 'download-tls', 'ping-16k-1-plain', 'ping-16k-1-tls'];
    assert.deepEqual(
      plan.scenarios.map(({ name }) => name),
      expected,
    );
  });

  test('takes the short set', () => {
    const { size, scenarios: short } = readArguments(['--short']);
    assert.equal(size, sizes.short);
    assert.ok(short.length > 10 && short.every((each) => each.short));
  });

  test('refuses what it does not know', () => {
    assert.throws(() => readArguments(['--scenarios', 'upstream']), /there is no scenario "upstream"/);
    assert.throws(() => readArguments(['--implementations', 'node,curl']), /there is no implementation "curl"/);
    assert.throws(() => readArguments(['--rounds', '0']), /--rounds takes a number from 1/);
    assert.throws(() => readArguments(['--fast']), /--fast/);
  });
});
