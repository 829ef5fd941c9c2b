// How much is measured: seconds, bytes and connections. `connections` is the most that is opened where speed is
// measured, `growth` has the steps of the number of connections.

import { readFileSync } from 'node:fs';

const MiB = 1024 * 1024;
/** What a process has open beside its connections. */
const OTHER_FILES = 200;

export const sizes = {
  full: {
    warmUp: 0.2,
    seconds: 0.5,
    batch: 64 * MiB,
    connections: 1000,
    idle: { first: 100, plain: 10_000, tls: 2000 },
    slow: { seconds: 1, offered: 256 * MiB },
    growth: { settle: 0.1, seconds: 0.2, plain: [1, 10, 100, 1000, 10_000], tls: [1, 10, 100, 1000] },
  },
  short: {
    warmUp: 0.1,
    seconds: 0.3,
    batch: 16 * MiB,
    connections: 1000,
    idle: { first: 100, plain: 1000, tls: 300 },
    slow: { seconds: 0.3, offered: 128 * MiB },
    growth: { settle: 0.05, seconds: 0.1, plain: [1, 10, 100, 1000], tls: [1, 10, 100] },
  },
  /** Says nothing about speed: for a test of the harness. */
  tiny: {
    warmUp: 0,
    seconds: 0.001,
    batch: MiB / 16,
    connections: 4,
    idle: { first: 1, plain: 4, tls: 4 },
    slow: { seconds: 0.01, offered: MiB / 4 },
    growth: { settle: 0, seconds: 0.001, plain: [1, 4], tls: [1, 4] },
  },
};

/**
 * As much of a size as the limit of open files allows an implementation: `{ size, lost }`, `lost` being null or a sentence
 * about what does not fit. Node has raised its own limit to the highest that it may have, and the processes that it starts
 * inherit it.
 */
export function fitting(size, { title, filesPerConnection = 1 }, limit = openFiles()) {
  const { idle, growth } = size;
  const most = Math.floor((limit - OTHER_FILES) / filesPerConnection);
  const fits = (count) => count <= most;
  const fitted = {
    ...size,
    connections: Math.min(size.connections, most),
    idle: { ...idle, plain: Math.min(idle.plain, most - idle.first), tls: Math.min(idle.tls, most - idle.first) },
    growth: { ...growth, plain: growth.plain.filter(fits), tls: growth.tls.filter(fits) },
  };
  const counts = [size.connections, idle.plain + idle.first, idle.tls + idle.first, ...growth.plain, ...growth.tls];
  const wanted = Math.max(...counts);
  const lost = `${title}: the limit of open files leaves room for ${most} connections instead of ${wanted}.`;
  return { size: fitted, lost: fits(wanted) ? null : lost };
}

function openFiles() {
  try {
    const [, soft] = readFileSync('/proc/self/limits', 'latin1').match(/^Max open files\s+(\d+)/m) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    // Not Linux.
    return Number.POSITIVE_INFINITY;
  }
}
