// What the benchmark makes of its measurements and of its command line, without measuring.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readArguments } from '../bench/arguments.mjs';
import { implementations, reference, scenarios } from '../bench/catalogue.mjs';
import { withFigures } from '../bench/report/report.mjs';
import { fitting, sizes } from '../bench/sizes.mjs';
import { failuresOf, median, summarise, summariseGrowth } from '../bench/statistics.mjs';

const names = Object.keys(implementations);

const measured = (round, implementation, amount, node = '20.0.0') => ({
  ...{ round, node, scenario: 'download-plain', implementation },
  ...{ amount, seconds: 2, jsCpu: 1, cpu: 2, serverCpu: null },
});

describe('a summary', () => {
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

  test('compares what does not run on Node with each version of it, by rounds in which both were measured', () => {
    const summary = summarise([
      ...[measured(1, reference, 10, '20.0.0'), measured(1, reference, 20, '24.0.0'), measured(1, 'native', 40, null)],
      ...[measured(2, 'native', 10, null), measured(2, reference, 10, '24.0.0')],
    ]);
    const ratios = summary.filter(({ implementation }) => implementation === 'native');
    assert.deepEqual(
      ratios.map(({ node, ratio }) => [node, ratio]),
      [
        ['20.0.0', { median: 4, min: 4, max: 4 }],
        ['24.0.0', { median: 1.5, min: 1, max: 2 }],
      ],
    );
  });

  test('has the mean of the two in the middle as the median of an even number', () => {
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(median([10, 9, 100]), 10);
  });

  test('leaves out what failed, and tells of it', () => {
    const failed = { round: 2, node: '20.0.0', scenario: 'download-plain', implementation: 'toweb', failed: 'why' };
    const all = [measured(1, 'toweb', 10), failed, { ...failed, round: 3 }];
    assert.equal(summarise(all)[0].value.max, 5);
    assert.deepEqual(failuresOf(all), [
      { node: '20.0.0', scenario: 'download-plain', implementation: 'toweb', rounds: [2, 3], reason: 'why' },
    ]);
  });

  test('of growth has the median of each step', () => {
    const grown = (round, factor) => ({
      ...{ round, node: null, scenario: 'growth-plain', implementation: 'native' },
      points: [1, 10].map((connections) => ({ connections, memory: factor, roundTrip: factor / 10, idleCpu: null })),
    });
    const [{ points }] = summariseGrowth([grown(1, 1), grown(2, 3), grown(3, 2)]);
    assert.deepEqual(
      points.map(({ connections, memory, idleCpu }) => [connections, memory.median, idleCpu]),
      [
        [1, 2, null],
        [10, 2, null],
      ],
    );
  });
});

describe('the command line', () => {
  test('takes everything, seven rounds and this Node if nothing is said', () => {
    const { rounds, nodes, size, ...rest } = readArguments([]);
    assert.equal(rounds, 7);
    assert.deepEqual(nodes, [{ path: process.execPath, missing: false }]);
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

  test('takes majors of Node and paths', () => {
    const { nodes } = readArguments(['--node', `24,${process.execPath}`]);
    assert.deepEqual([nodes[0].major, nodes[1].path], [24, process.execPath]);
  });

  test('refuses what it does not know, in one sentence', () => {
    const refused = [
      [['--scenarios', 'upstream'], /^there is no scenario "upstream"; --list prints them$/],
      [['--scenarios', ''], /^there is no scenario ""/],
      [['--implementations', 'node,curl'], /^there is no implementation "curl", but winter-sockets, node/],
      [['--rounds', '0'], /^--rounds takes a number from 1, not "0"$/],
      [['--rounds'], /^Option '--rounds <value>' argument missing; --help tells what there is$/],
      [['--node', '19'], /^--node takes 20, 22.* or a path, not "19"$/],
      [['--node', '/no/such/node'], /^--node: there is no file "\/no\/such\/node"$/],
      [['--fast'], /^Unknown option '--fast'; --help tells what there is$/],
      [['fast'], /^Unexpected argument 'fast'; --help tells what there is$/],
    ];
    for (const [args, message] of refused) assert.throws(() => readArguments(args), { name: 'TypeError', message });
  });
});

describe('what is published', () => {
  const page = readFileSync(new URL('../docs/performance.md', import.meta.url), 'utf8');

  test('takes the place of what was published before, and of nothing else', () => {
    const once = withFigures(page, '{figures}');
    const [before, after] = once.split('{figures}');
    assert.ok(page.startsWith(before.trimEnd()) && page.endsWith(after.trimStart()));
    assert.equal(withFigures(withFigures(page, 'others'), '{figures}'), once);
  });

  test('needs a place', () => {
    assert.throws(() => withFigures('# Performance\n', '{figures}'), /docs\/performance.md has no place for figures/);
  });
});

describe('a limit of open files', () => {
  const connections = ({ size }) => [size.connections, size.idle.plain, size.growth.plain];

  test('lowers the numbers of connections, and says so', () => {
    const fitted = fitting(sizes.full, { title: 'This' }, 700);
    assert.deepEqual(connections(fitted), [500, 400, [1, 10, 100]]);
    assert.equal(fitted.lost, 'This: the limit of open files leaves room for 500 connections instead of 10100.');
  });

  test('lets half as many in of what opens two files for each', () => {
    const fitted = fitting(sizes.full, { title: 'This', filesPerConnection: 2 }, 700);
    assert.deepEqual(connections(fitted), [250, 150, [1, 10, 100]]);
  });

  test('changes nothing where it is high enough', () => {
    assert.deepEqual(fitting(sizes.full, { title: 'This' }, 20_000), { size: sizes.full, lost: null });
  });
});
