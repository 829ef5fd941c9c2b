// The harness of the benchmark works: what it measures here is too little to say anything about speed.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findScenario, implementations, scenarios } from '../bench/catalogue.mjs';
import { buildNative, startEnvironment } from '../bench/environment.mjs';
import { findClients } from '../bench/programs.mjs';
import { toChart } from '../bench/report/chart.mjs';
import { toGrowthChart } from '../bench/report/growth-chart.mjs';
import { toHeadlines } from '../bench/report/headlines.mjs';
import { toComparison, toFigures, toGrowthTable } from '../bench/report/table.mjs';
import { countOf, runRounds } from '../bench/rounds.mjs';
import { sizes } from '../bench/sizes.mjs';
import { failuresOf, summarise, summariseGrowth } from '../bench/statistics.mjs';
import { writeWorkerdConfig } from '../bench/workerd-config.mjs';
import { createAuthority } from './support/certs.mjs';

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
  'first-byte-tls',
  'idle-memory-plain',
  'slow-client-tls',
  'slow-server-plain',
  'pg-simple-plain',
  'pg-rows-tls',
  'growth-plain',
].map(findScenario);

const { clients, missing } = findClients(names, [process.execPath]);
// Where one is not installed the others are measured; where the project's own files have been installed all of them are.
const left = missing.map(({ implementation }) => implementation);

async function round(plan, environment) {
  for await (const measurements of runRounds({ rounds: 1, clients, size: sizes.tiny, ...plan }, environment)) {
    return measurements;
  }
}

describe('a round of everything', () => {
  let environment;
  let measurements;

  before(async () => {
    environment = await startEnvironment(buildNative('dev'), { withPostgres: true });
    measurements = await round({ scenarios: chosen }, environment);
  });
  after(() => environment?.stop());

  test('has everybody in it', { skip: linux ? false : 'not everything has a build for this system' }, () => {
    assert.deepEqual(left, []);
  });

  test('measures each scenario with each implementation that there is', () => {
    assert.equal(measurements.length, countOf({ rounds: 1, scenarios: chosen, clients }));
    assert.deepEqual(failuresOf(measurements), []);
    for (const { scenario, implementation, amount, seconds, jsCpu, cpu, points } of measurements) {
      const what = `${scenario}, ${implementation}`;
      if (points) {
        const counts = points.map(({ connections }) => connections);
        assert.deepEqual(counts, sizes.tiny.growth.plain, what);
        for (const { memory, roundTrip } of points) assert.ok(memory > 1e6 && roundTrip > 0, what);
        continue;
      }
      // So few connections may fit into memory that the process had already.
      if (!scenario.startsWith('idle-memory')) assert.ok(amount > 0, what);
      if (seconds === undefined) continue;
      assert.ok(seconds > 0, what);
      // The kernel adds up the time of a thread that is running at its ticks, a hundredth of a second at most.
      if (linux) assert.ok(jsCpu >= 0 && jsCpu <= cpu * 1.1 + 0.02, `${what}: ${jsCpu} of ${cpu} s`);
    }
  });

  test('makes tables with a row for each', () => {
    const summary = summarise(measurements);
    assert.equal(rowsOf(toFigures(summary)).length, summary.length);
    const shown = (field) => new Set(summary.filter((each) => each[field]).map(({ scenario }) => scenario)).size;
    assert.equal(rowsOf(toComparison(summary)).length, shown('ratio') + shown('jsCpuRatio'));
    const growth = summariseGrowth(measurements);
    assert.equal(rowsOf(toGrowthTable(growth)).length, sizes.tiny.growth.plain.length * 3);
  });

  test('makes pictures with a bar or a line for each', () => {
    const summary = summarise(measurements);
    const shown = summary.filter(({ ratio }) => ratio !== null);
    assert.equal(countIn(toChart(summary), '<rect'), shown.length + clients.length);
    const headlines = summary.filter(
      ({ scenario }) => scenario === 'connect-32-tls' || scenario === 'ping-64b-64-plain',
    );
    assert.equal(countIn(toHeadlines(summary), '<rect'), headlines.length);
    const growth = summariseGrowth(measurements);
    assert.equal(countIn(toGrowthChart(growth), '<polyline'), growth.length * 2);
  });

  test('has nobody in it who takes a server with any certificate, but for one upgrade', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'winter-sockets-bench-'));
    try {
      const { pem } = await createAuthority('Another Authority');
      const ca = join(folder, 'other.pem');
      writeFileSync(ca, pem);
      const deceived = { ...environment, ca, workerdConfig: writeWorkerdConfig(folder, pem) };
      const tls = ['connect-1-tls', 'start-tls-1'].map(findScenario);
      for (const { scenario, implementation, failed } of await round({ scenarios: tls }, deceived)) {
        // As docs/performance.md tells.
        if (scenario === 'start-tls-1' && implementation === 'arrowood') assert.equal(failed, undefined);
        else assert.match(failed ?? 'nothing', /certificate/i, `${scenario}, ${implementation}`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what is not there', () => {
  test('is named and left out', () => {
    implementations.absent = {
      title: 'absent',
      runtime: 'node',
      module: 'absent',
      needs: 'a-package-that-is-not-there',
    };
    try {
      const found = findClients(['absent', 'node'], [process.execPath]);
      assert.deepEqual(
        found.clients.map(({ implementation }) => implementation),
        ['node'],
      );
      assert.equal(found.missing[0].implementation, 'absent');
      assert.match(found.missing[0].reason, /a-package-that-is-not-there/);
    } finally {
      delete implementations.absent;
    }
  });

  test('fails the measurement and not the run', async () => {
    const environment = { host: '127.0.0.1', ports: { plain: 1 }, pid: process.pid, ca: '' };
    const node = clients.filter(({ implementation }) => implementation === 'node');
    const measurements = await round({ clients: node, scenarios: [findScenario('download-plain')] }, environment);
    assert.deepEqual(summarise(measurements), []);
    const [{ reason, ...failure }] = failuresOf(measurements);
    const { node: version, ...expected } = { node: node[0].node, scenario: 'download-plain', implementation: 'node' };
    assert.deepEqual(failure, { node: version, ...expected, rounds: [1] });
    assert.match(reason, /ECONNREFUSED/);
  });
});

function rowsOf(markdown) {
  const rows = markdown
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (scenario|quantity|---) /.test(line));
  for (const row of rows) assert.doesNotMatch(row, /NaN|undefined|null|Infinity/);
  return rows;
}

function countIn(svg, tag) {
  assert.doesNotMatch(svg, /NaN|undefined|null|Infinity/);
  return svg.split(tag).length - 1;
}

test('every scenario has a name of its own', () => {
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
});
