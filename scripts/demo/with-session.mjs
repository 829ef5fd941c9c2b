// The parent's side of session.mjs.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./session.mjs', import.meta.url));

// A limit for a demo that fails; the work takes a few seconds at most.
const PATIENCE = 60_000;

/** Gives a new session to `use`, then waits for the child to end by itself. `preload` sends pg over the addon. */
export async function withSession(name, { preload }, use) {
  const child = fork(script, [], {
    execArgv: preload ? ['--import', import.meta.resolve('winter-sockets/register')] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stderr = text(child.stderr);
  const exited = once(child, 'exit');
  const fail = async (how, [code, signal]) => {
    throw new Error(`the ${name} session ${how} (${signal ?? `exit code ${code}`}): ${reasonIn(await stderr)}`);
  };

  const answer = async () => {
    const ended = exited.then((exit) => fail('ended early', exit));
    const message = Promise.race([once(child, 'message'), ended]);
    const [{ result, error }] = await within(message, `the ${name} session answers`);
    if (error) throw new Error(error);
    return result;
  };

  try {
    await answer();
    await use({
      ask(task, options) {
        child.send({ task, options });
        return answer();
      },
    });
    child.disconnect();
    const exit = await within(exited, `the ${name} session ends by itself`);
    if (exit[0] !== 0) await fail('failed at its end', exit);
  } finally {
    // Nothing to kill where all went well.
    child.kill('SIGKILL');
  }
}

/** The error in what Node prints of an uncaught one, without the lines of source before it and the stack behind it. */
function reasonIn(stderr) {
  const from = stderr.search(/^\w*Error\b/m);
  return stderr
    .slice(Math.max(0, from))
    .split(/\n\s+at /)[0]
    .trim();
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${PATIENCE / 1000} s: ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
