// Runs the clients: a fresh process for each measurement, and the implementations in turn, so that whatever else the
// machine does meets all of them.

import { spawn } from 'node:child_process';
import { cleanEnv } from '../__test__/support/process.mjs';
import { implementations } from './catalogue.mjs';
import { fitting } from './sizes.mjs';

const TIMEOUT = 120_000;

/**
 * Gives, after each round, the measurements of that round, each `{ round, node, scenario, implementation, ... }` with what
 * the client measured, or with `failed`, the reason why it did not. `scenarios` are entries of the catalogue, `clients` of
 * programs.mjs; `onProgress(text)` hears what is measured.
 */
export async function* runRounds({ rounds, scenarios, clients, size }, environment, onProgress = () => {}) {
  for (let round = 1; round <= rounds; round++) {
    const measurements = [];
    for (const scenario of scenarios) {
      for (const client of rotated(clients, round - 1)) {
        const { implementation, node, runtime } = client;
        if (!scenario.implementations.includes(implementation)) continue;
        onProgress(`round ${round} of ${rounds}: ${scenario.name}, ${implementation}, ${runtime}`);
        const measured = await measure(client, jobOf(scenario, implementation, size, environment), environment);
        measurements.push({ round, node, scenario: scenario.name, implementation, ...measured });
      }
    }
    yield measurements;
  }
}

/** How many measurements these rounds are. */
export function countOf({ rounds, scenarios, clients }) {
  const takesPart = (scenario) =>
    clients.filter(({ implementation }) => scenario.implementations.includes(implementation));
  return rounds * scenarios.reduce((sum, scenario) => sum + takesPart(scenario).length, 0);
}

/** What client/main.mjs takes. */
function jobOf(
  { file, collects, variant, secureTransport, port },
  implementation,
  size,
  { host, ports, pid, database },
) {
  const { module } = implementations[implementation];
  const { size: fitted } = fitting(size, implementations[implementation]);
  // What PostgreSQL takes is spread over processes of its own: nobody counts it.
  const server = file === 'pg' ? null : pid;
  return {
    scenario: file,
    collects,
    variant,
    secureTransport,
    module,
    host,
    port: ports[port],
    server,
    database,
    size: fitted,
  };
}

async function measure(client, job, environment) {
  const { code, signal, stdout, stderr, timedOut } = await run(client, job, environment);
  if (code === 0) return JSON.parse(stdout);
  const outcome = timedOut ? `took longer than ${TIMEOUT / 1000} s` : `ended with ${signal ?? code}`;
  const reason = stderr.split('\n').find((line) => /^(\S+ )?\S*error: /i.test(line)) ?? 'it did not say why';
  return { failed: `${outcome}: ${reason}\n${stderr.trim()}` };
}

function run(client, job, environment) {
  const env = cleanEnv({
    // Trust by the environment is what each implementation has, also one without an option for it.
    NODE_EXTRA_CA_CERTS: environment.ca,
    DENO_NO_UPDATE_CHECK: '1',
    NO_COLOR: '1',
  });
  return new Promise((resolve, reject) => {
    const started = performance.timeOrigin + performance.now();
    const [file, args] = client.command({ ...job, started }, environment);
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT });
    const output = { stdout: '', stderr: '' };
    for (const name of Object.keys(output)) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output, timedOut: child.killed }));
  });
}

/** Each round begins with the next one: to come first may be of advantage. */
function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}
