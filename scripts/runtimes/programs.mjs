// Where the programs of Bun and Deno are, which npm brings in a package for each platform. The programs themselves, not the
// scripts in front of them, which would leave them running when they are killed.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { platform, arch } = process;

// Bun's install script moves its program from the one package to the other; where no scripts are run it stays.
const places = {
  bun: [`@oven/bun-${platform}-${arch === 'arm64' ? 'aarch64' : arch}/bin/bun`, 'bun/bin/bun.exe'],
  deno: [`@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}/deno`],
};

/** The path of "bun" or "deno"; throws what `require.resolve()` throws where it is not installed. */
export function programOf(name) {
  return firstOf(places[name]);
}

function firstOf([path, ...others]) {
  try {
    return require.resolve(path);
  } catch (error) {
    if (others.length === 0) throw error;
    return firstOf(others);
  }
}
