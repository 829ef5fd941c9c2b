// What a client measures of itself, and of the server while it does.

import { readFileSync } from 'node:fs';

// The unit of the times in /proc/<pid>/stat, the same on every Linux that Node runs on.
const TICKS_PER_SECOND = 100;

/** A stretch of time with something to do. */
export class Stretch {
  #end;
  amount = 0;

  constructor(seconds) {
    this.#end = performance.now() + seconds * 1000;
  }

  /** Takes down that so much was done; whether to go on. */
  did(amount) {
    this.amount += amount;
    return performance.now() < this.#end;
  }
}

/**
 * Has `work(stretch)` done twice, first to warm up, and resolves to what the second one took:
 * `{ amount, seconds, jsCpu, cpu, serverCpu }`. The times are seconds; `jsCpu` is that of the JavaScript thread, `cpu`
 * that of the whole process, `serverCpu` the server's; null where the system does not tell.
 */
export async function measureRate(work, { warmUp, seconds }, server) {
  await work(new Stretch(warmUp));
  const before = clocks(server);
  const stretch = new Stretch(seconds);
  await work(stretch);
  const after = clocks(server);

  const passed = (name) => (before[name] === null ? null : after[name] - before[name]);
  return {
    amount: stretch.amount,
    seconds: passed('wall'),
    jsCpu: passed('js'),
    cpu: passed('process'),
    serverCpu: passed('server'),
  };
}

/** The most memory this process has had, in bytes. */
export function peakMemory() {
  // On Linux `maxRSS` begins with what the parent had when it started this process; this does not.
  const status = fromProc('/proc/self/status');
  const [, kibibytes] = status?.match(/^VmHWM:\s+(\d+) kB$/m) ?? [null, process.resourceUsage().maxRSS];
  return Number(kibibytes) * 1024;
}

function clocks(server) {
  return {
    wall: performance.now() / 1000,
    js: threadCpu(),
    process: total(process.cpuUsage()),
    server: processCpu(server),
  };
}

function threadCpu() {
  if (process.threadCpuUsage) return total(process.threadCpuUsage());
  // Of the main thread, in nanoseconds: `stat` tells the same in hundredths of a second.
  const schedule = fromProc('/proc/self/schedstat');
  return schedule === null ? null : Number(schedule.split(' ')[0]) / 1e9;
}

function processCpu(pid) {
  const stat = fromProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // Counted from behind the name of the program, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function total({ user, system }) {
  return (user + system) / 1e6;
}

function fromProc(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Not Linux.
    return null;
  }
}
