// `npm run bench`: this package beside what users would pick instead. `--help` tells the options, docs/performance.md
// the method.

import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { help, readArguments } from './arguments.mjs';
import { implementations, scenarios } from './catalogue.mjs';
import { buildNative, startEnvironment } from './environment.mjs';
import { fetchNodes, findClients } from './programs.mjs';
import { describe, intro, print, publish, save } from './report/report.mjs';
import { countOf, runRounds } from './rounds.mjs';
import { fitting } from './sizes.mjs';

// Leaving by exit() takes the servers down and their keys away as well.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  const plan = readArguments(process.argv.slice(2));
  if (plan.help) process.stdout.write(help);
  else if (plan.list) for (const { name, title } of scenarios) console.log(`${name.padEnd(18)} ${title}`);
  else finish(plan.from ? merge(plan.from) : await measure(plan), plan);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** Resolves to a run: what was measured, on which machine, with what. */
async function measure(plan) {
  // That of before: a machine that was busy then says nothing reliable.
  const [load] = loadavg();
  fetchNodes(plan.nodes);
  const nodes = plan.nodes.map(({ path }) => path);
  const { clients, missing } = findClients(plan.implementations, nodes);
  const { size } = plan;
  const takingPart = new Set(clients.map(({ implementation }) => implementations[implementation]));
  const lost = [...takingPart].map((each) => fitting(size, each).lost).filter(Boolean);
  const withPostgres = plan.scenarios.some(({ file }) => file === 'pg');
  const environment = await startEnvironment(buildNative('release'), { withPostgres });
  try {
    const { noDatabase } = environment;
    if (noDatabase) lost.push(`PostgreSQL does not start here, so that pg is left out: ${noDatabase}`);
    const scenarios = plan.scenarios.filter(({ file }) => file !== 'pg' || !noDatabase);
    const run = { ...describe({ clients, missing, lost, size, load }), measurements: [] };
    console.error(intro(run));

    const total = countOf({ ...plan, scenarios, clients });
    let done = 0;
    const onProgress = (text) => console.error(`${++done} of ${total}: ${text}`);
    for await (const round of runRounds({ ...plan, scenarios, clients }, environment, onProgress)) {
      run.measurements.push(...round);
      // Who interrupts a long run keeps the rounds that are done.
      save(run);
    }
    return run;
  } finally {
    await environment.stop();
  }
}

/** One run made of several, described as the first one. */
function merge(paths) {
  const runs = paths.map((path) => {
    try {
      return JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new Error(`--from: "${path}" holds no results: ${error.message.replaceAll('\n', ' ')}`, { cause: error });
    }
  });
  // A round of one run is none of another's.
  let rounds = 0;
  const measurements = runs.flatMap((run) => {
    const before = rounds;
    rounds += Math.max(...run.measurements.map(({ round }) => round));
    return run.measurements.map((each) => ({ ...each, round: before + each.round }));
  });
  return { ...runs[0], measurements };
}

function finish(run, plan) {
  const failed = print(run);
  for (const path of [...save(run), ...(plan.publish ? publish(run) : [])]) console.error(path);
  if (failed) process.exitCode = 1;
}
