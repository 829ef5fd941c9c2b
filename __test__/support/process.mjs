// Child processes, descriptors and waiting.

import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The folder of the package, from which it can be imported by its own name. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

// A developer's trust settings would decide tests of trust; the others would change what a child prints or reports.
const cleared = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_TEST_CONTEXT', 'SSL_CERT_DIR', 'SSL_CERT_FILE'];

/** The environment without the variables that change trust and reporting, with the given ones. */
export function cleanEnv(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !cleared.includes(name));
  return { ...Object.fromEntries(kept), ...extra };
}

/** Arguments that run a piece of ES module code; it imports as if it stood in the working folder. */
export function inline(code) {
  return ['--input-type=module', '--eval', code];
}

/**
 * Runs Node on a script (path or file URL) or on a list of arguments, and resolves, whatever the outcome, to
 * `{ code, signal, stdout, stderr, timedOut }`. After `timeout` milliseconds the child is killed.
 */
export async function runNode(what, { env, node = process.execPath, cwd = root, timeout = 60_000, input = '' } = {}) {
  const args = Array.isArray(what) ? what : [what instanceof URL ? fileURLToPath(what) : what];
  const child = spawn(node, args, { cwd, env: cleanEnv(env) });

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeout);

  const exited = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  // A child that exits without reading breaks the pipe; its exit is told by itself.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    const [exit, stdout, stderr] = await Promise.all([exited, collect(child.stdout), collect(child.stderr)]);
    return { ...exit, stdout, stderr, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/** How many sockets this process has open (Linux). */
export function openDescriptors() {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith('socket:')).length;
}

/**
 * Resolves to the first truthy result of the condition, asked anew in later turns of the event loop. It rejects when the
 * deadline passes: a limit for a test that fails, never the time something is given.
 */
export async function until(condition, { what = String(condition), deadline = 30_000 } = {}) {
  const last = Date.now() + deadline;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > last) throw new Error(`not reached within ${deadline} ms: ${what}`);
    await delay(1);
  }
}

async function collect(stream) {
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

function linkOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor of the listing itself is gone by now.
    return '';
  }
}
