// A project of a user's: the package in its node_modules as npm publishes it, and files of its own.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cleanEnv, root, runNode } from './process.mjs';

const run = promisify(execFile);

/**
 * Makes a project in a folder of its own. Its node_modules hold the package with the addon of this platform, and links to
 * the packages of `dependencies` as they are installed here; `files` are texts by their path.
 *
 * Returns `{ folder, write(files), run(args, options), shell(commands, env), remove() }`, which act in that folder: `run` is
 * `runNode`; `shell` runs commands, among them those of the packages installed here, and gives what they print.
 */
export async function createProject({ dependencies = [], files = {} } = {}) {
  // Bundlers name what they include by its real path.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'winter-sockets-project-')));
  const write = (texts) => {
    for (const [path, text] of Object.entries(texts)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  };
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    await unpackInto(join(folder, 'node_modules', 'winter-sockets'));
    for (const name of dependencies) link(folder, name);
    write({ 'package.json': JSON.stringify({ name: 'project', private: true, type: 'module' }), ...files });
  } catch (error) {
    remove();
    throw error;
  }
  return {
    folder,
    write,
    remove,
    run: (args, options) => runNode(args, { cwd: folder, ...options }),
    async shell(commands, env = {}) {
      const PATH = [dirname(process.execPath), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
      const { stdout } = await run('sh', ['-ec', commands], { cwd: folder, env: cleanEnv({ ...env, PATH }) });
      return stdout;
    },
  };
}

/** The addon, which a published package has for its platform, and a checkout beside its loader. */
export const addons = readdirSync(root).filter((name) => name.endsWith('.node'));

/** Puts there what npm would put into the package. */
async function unpackInto(target) {
  // Settings of an npm that runs these tests are not for this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, env });
  const report = JSON.parse(stdout);
  const [{ files }] = Object.values(report);
  for (const path of [...files.map((file) => file.path), ...addons]) {
    cpSync(join(root, path), join(target, path), { recursive: true });
  }
}

function link(folder, name) {
  const path = join(folder, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), path);
}
