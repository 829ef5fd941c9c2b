// `npm run bench`: this package beside what users would pick instead. `--help` tells the options, docs/performance.md
// the method.

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { help, readArguments } from './arguments.mjs';
import { scenarios } from './catalogue.mjs';
import { toSvg } from './report/chart.mjs';
import { toMarkdown } from './report/table.mjs';
import { runRounds } from './rounds.mjs';
import { buildServer, startServer } from './server-process.mjs';
import { summarise } from './statistics.mjs';

const results = new URL('results/', import.meta.url);

// Leaving by exit() takes the server down and its key away as well.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  const plan = readArguments(process.argv.slice(2));
  if (plan.help) process.stdout.write(help);
  else if (plan.list) for (const { name, title } of scenarios) console.log(`${name.padEnd(18)} ${title}`);
  else await run(plan);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function run(plan) {
  const machine = describeMachine();
  const server = await startServer(buildServer('release'));
  let measurements;
  try {
    measurements = await runRounds(plan, server, (text) => console.error(text));
  } finally {
    await server.stop();
  }
  const summary = summarise(measurements);
  console.log(toMarkdown(summary, { rounds: plan.rounds, machine }));
  save(summary, { rounds: plan.rounds, size: plan.size, machine, summary, measurements });
}

function save(summary, report) {
  mkdirSync(results, { recursive: true });
  write('results.json', `${JSON.stringify({ date: new Date().toISOString(), ...report }, null, 2)}\n`);
  for (const node of new Set(summary.map((each) => each.node))) {
    write(`node-${node}.svg`, toSvg(summary.filter((each) => each.node === node)));
  }
}

function write(name, text) {
  writeFileSync(new URL(name, results), text);
  console.error(`bench/results/${name}`);
}

/** The load is that of before: a machine that was busy then says nothing reliable. */
function describeMachine() {
  const [load] = loadavg();
  return `${cpus()[0].model}, ${availableParallelism()} cores, load ${load.toFixed(1)} before the run.`;
}
