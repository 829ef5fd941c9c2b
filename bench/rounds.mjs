// Runs the clients: a fresh process for each measurement, and the implementations in turn, so that whatever else the
// machine does meets all of them.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runNode } from '../__test__/support/process.mjs';

const CLIENT = fileURLToPath(new URL('client/main.mjs', import.meta.url));
const TIMEOUT = 120_000;

/**
 * Resolves to the measurements, each `{ round, node, scenario, implementation, ...what the client measured }`; `node`
 * is the version. `nodes` are paths of executables, `scenarios` entries of the catalogue, `implementations` names;
 * `onProgress(text)` hears what is measured.
 */
export async function runRounds({ rounds, nodes, scenarios, implementations, size }, server, onProgress = () => {}) {
  const measurements = [];
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of scenarios) {
      for (const [node, path] of versions(nodes)) {
        for (const implementation of rotated(implementations, round - 1)) {
          onProgress(`round ${round} of ${rounds}: ${scenario.name}, ${implementation}, Node ${node}`);
          const job = { scenario: scenario.name, implementation, size };
          const measured = await measure(path, job, server);
          measurements.push({ round, node, scenario: scenario.name, implementation, ...measured });
        }
      }
    }
  }
  return measurements;
}

/** Paths of executables by their version. */
export function versions(nodes) {
  const byVersion = new Map(
    nodes.map((path) => [execFileSync(path, ['--print', 'process.versions.node'], { encoding: 'utf8' }).trim(), path]),
  );
  if (byVersion.size < nodes.length) throw new Error('two of the Node executables are of the same version');
  return byVersion;
}

async function measure(node, job, { host, ports, pid, ca }) {
  const argument = JSON.stringify({ ...job, host, ports, server: pid });
  const { code, signal, stdout, stderr, timedOut } = await runNode(['--expose-gc', CLIENT, argument], {
    node,
    // Trust by the environment is what each implementation has, also one without an option for it.
    env: { NODE_EXTRA_CA_CERTS: ca },
    timeout: TIMEOUT,
  });
  if (code === 0) return JSON.parse(stdout);
  const outcome = timedOut ? `took longer than ${TIMEOUT / 1000} s` : `ended with ${signal ?? code}`;
  throw new Error(`${job.scenario} with ${job.implementation} ${outcome}\n${stderr}`);
}

/** Each round begins with the next one: to come first may be of advantage. */
function rotated(list, by) {
  const first = by % list.length;
  return [...list.slice(first), ...list.slice(0, first)];
}
