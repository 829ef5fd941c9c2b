// The server programs that tests talk to: which there are, where they are, where they come from.

import fs from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';

/** Every program, with the Debian package that has it. */
export const programs = {
  dovecot: 'dovecot-imapd',
  gophernicus: 'gophernicus',
  // Not mariadb-server, which sets up a service that nobody asked for.
  mariadbd: 'mariadb-server-core',
  mosquitto: 'mosquitto',
  ngircd: 'ngircd',
  pgbouncer: 'pgbouncer',
  'redis-server': 'redis-server',
  sshd: 'openssh-server',
  vsftpd: 'vsftpd',
};

/** The variable under which a missing program is a failure, and no reason to skip. */
const REQUIRE = 'WINTER_SOCKETS_REQUIRE_SERVERS';

// Where the packages put servers, and what an ordinary user's PATH may lack.
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'];

/** The path of a program; null when this machine has none. */
export function findProgram(name) {
  if (!(name in programs)) throw new TypeError(`unknown program "${name}"`);
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** The names of those programs that this machine lacks. */
export function missingPrograms(names = Object.keys(programs)) {
  return names.filter((name) => findProgram(name) === null);
}

/**
 * The options of a test that talks to these programs: it is skipped, with the reason, where one is missing, and fails there
 * in a run that must have all of them.
 */
export function needs(...names) {
  const missing = missingPrograms(names);
  return missing.length > 0 && process.env[REQUIRE] !== '1' ? { skip: howToGet(missing) } : {};
}

/** The same for a suite: `describe()`, given the programs first. */
export function describeWith(names, title, body) {
  const { skip } = needs(...names);
  // Not an option of the suite: Node leaves a skipped one out of its count.
  describe(title, skip ? () => test('all of it', { skip }) : body);
}

/** One sentence on programs that are missing. */
export function howToGet(missing) {
  const packages = missing.map((name) => programs[name]);
  return `needs ${missing.join(', ')}: run "node scripts/install-servers.mjs", or install ${packages.join(' ')}`;
}

function isExecutable(path) {
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
