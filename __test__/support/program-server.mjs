// Runs a server program for a test, in a folder of its own.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram, howToGet } from './programs.mjs';

const isRoot = process.getuid?.() === 0;
const START_LIMIT = 30_000;
const STOP_LIMIT = 10_000;
const ATTEMPTS = 5;

// Programs have sockets in their folders, and the path of one has 107 characters at most: Dovecot adds 60 to this.
const parent = tmpdir().length > 40 ? '/tmp' : tmpdir();

/**
 * Starts a program.
 *
 * - `configure({ folder, user, group, write, makeFolder })` returns (or resolves to) its arguments. It chooses the ports, and is
 *   asked anew when one was taken. `write(name, text)` and `makeFolder(name)` put something into the throw-away `folder`, with
 *   the program as its owner, and resolve to the path.
 * - `ready` is a pattern of the log, or a function that resolves when the server can be used.
 * - `as` is the user it runs as when the tests run as root: by default `nobody`, for most servers refuse root or want to
 *   become somebody else. `as: 'root'` is for those that need to be root.
 * - `env` is added to the environment.
 *
 * Resolves to `{ folder, pid(), log(), stop(signal?), restart(signal?) }`. `log()` is all it has said so far; `restart()` runs it
 * again with the same arguments, so on the same ports.
 */
export async function startProgram(name, { configure, ready, as = 'nobody', env = {} }) {
  const path = findProgram(name);
  if (path === null) throw new Error(`this test ${howToGet([name])}`);

  const { user, group, uid, gid } = identityOf(isRoot ? as : []);
  const folder = await mkdtemp(join(parent, `winter-sockets-${name}-`));
  const own = (file) => isRoot && chown(file, uid, gid);
  const makeFolder = async (inside) => {
    await mkdir(join(folder, inside), { recursive: true, mode: 0o700 });
    await own(join(folder, inside));
    return join(folder, inside);
  };
  const write = async (inside, text) => {
    await makeFolder(dirname(inside));
    await writeFile(join(folder, inside), text, { mode: 0o600 });
    await own(join(folder, inside));
    return join(folder, inside);
  };

  let running = null;
  const removeAtExit = () => {
    running?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const remove = async () => {
    process.off('exit', removeAtExit);
    await rm(folder, { recursive: true, force: true });
  };
  process.on('exit', removeAtExit);

  const options = { cwd: folder, env: { ...process.env, ...env }, ...(isRoot && { uid, gid }) };
  let args;
  const run = async () => {
    running = new Run(name, path, args, options);
    await running.until(ready);
  };

  try {
    await own(folder);
    for (let attempt = 1; running === null; attempt++) {
      args = await configure({ folder, user, group, write, makeFolder });
      try {
        await run();
      } catch (error) {
        if (!/already in use/i.test(running.log) || attempt === ATTEMPTS) throw error;
        running = null;
      }
    }
  } catch (error) {
    await running?.stop('SIGKILL');
    await remove();
    throw error;
  }

  return {
    folder,
    pid: () => running.pid,
    log: () => running.log,
    async stop(signal) {
      await running.stop(signal);
      await remove();
    },
    async restart(signal) {
      await running.stop(signal);
      await run();
    },
  };
}

/** One process of the program. */
class Run {
  #name;
  #child;
  #exited;
  #ended;
  log = '';

  constructor(name, path, args, options) {
    this.#name = name;
    this.#child = spawn(path, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const happens = (event) =>
      new Promise((resolve) => {
        this.#child.once('error', (error) => resolve(error.message));
        this.#child.once(event, (code, signal) => resolve(signal ?? `code ${code}`));
      });
    this.#exited = happens('exit');
    // With the last words of its log. A session of its that outlives it holds them back, so stop() does not wait for this.
    this.#ended = happens('close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.log += text;
        this.#child.emit('log');
      });
      stream.unref();
    }
  }

  get pid() {
    return this.#child.pid;
  }

  async until(ready) {
    let timer;
    const fails = this.#ended.then((how) => `ended with ${how}`);
    const isLate = new Promise((resolve) => {
      timer = setTimeout(resolve, START_LIMIT, `was not ready after ${START_LIMIT} ms`);
    });
    const isReady = (async () => {
      if (typeof ready === 'function') return ready();
      while (!ready.test(this.log)) await once(this.#child, 'log');
    })();
    try {
      const failure = await Promise.race([isReady.then(() => null), fails, isLate]);
      if (failure !== null) throw new Error(`${this.#name} ${failure}; its log:\n${this.log}`);
    } finally {
      clearTimeout(timer);
    }
  }

  kill(signal) {
    this.#child.kill(signal);
  }

  async stop(signal = 'SIGTERM') {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.kill('SIGKILL');
    }, STOP_LIMIT);
    this.kill(signal);
    await this.#exited;
    clearTimeout(timer);
    if (isLate)
      throw new Error(`${this.#name} did not end within ${STOP_LIMIT} ms of ${signal}; its log:\n${this.log}`);
  }
}

/** Of the named user, or of this process. */
/** A user of the system: `{ name, uid, gid }`. */
export function identityOf(name) {
  const ask = (flag) => execFileSync('id', [flag].concat(name), { encoding: 'utf8' }).trim();
  return { user: ask('-un'), group: ask('-gn'), uid: Number(ask('-u')), gid: Number(ask('-g')) };
}
