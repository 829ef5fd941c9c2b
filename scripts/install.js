'use strict';
// Runs on `npm install`. Where a prebuilt binary matches the platform there is nothing to do; else the addon is built
// from source, with cargo's progress on the terminal.

const { spawnSync } = require('node:child_process');
const { copyFileSync, existsSync, renameSync, rmSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const inCheckout = existsSync(join(root, '__test__'));

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

function requireCargo() {
  if (spawnSync('cargo', ['--version']).error) {
    fail('winter-sockets needs a Rust toolchain to be built here, and no cargo was found.');
  }
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail(`winter-sockets could not be built: ${command} ended with an error, see its messages above.`);
}

/** The name the loader looks for beside itself, for example winter-sockets.linux-x64-gnu.node. */
function binaryName() {
  const { platform, arch } = process;
  const isMusl = platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  const abi = { linux: isMusl ? '-musl' : '-gnu', win32: '-msvc' }[platform] ?? '';
  return `winter-sockets.${platform}-${arch}${abi}.node`;
}

function libraryName() {
  return { darwin: 'libwinter_sockets.dylib', win32: 'winter_sockets.dll' }[process.platform] ?? 'libwinter_sockets.so';
}

function hasPrebuilt() {
  if (inCheckout) return false;
  try {
    require('../binding.js');
    return true;
  } catch {
    return false;
  }
}

if (!hasPrebuilt()) {
  requireCargo();
  console.error('winter-sockets: building the addon from source with cargo, which takes a few minutes the first time.');
  // In a checkout the generated loader and its types are kept up to date too; a package has neither tool nor need for it.
  if (inCheckout) {
    rmSync(join(root, binaryName()), { force: true });
    run('npm', ['run', '--silent', 'build']);
  } else {
    run('cargo', ['build', '--release', '--lib', '--locked']);
    const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
    const binary = join(root, binaryName());
    // Never written in place: a process that runs with the old one has it mapped.
    copyFileSync(join(target, 'release', libraryName()), `${binary}.new`);
    renameSync(`${binary}.new`, binary);
  }
}
