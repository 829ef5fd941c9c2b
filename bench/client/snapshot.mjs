// What the operating system says of a process at one moment.

import { readdirSync, readFileSync } from 'node:fs';

/**
 * Of this process: `{ wall, js, cpu, serverCpu, memory, peak }`; the clock in seconds since 1970, the processor time in
 * seconds of the JavaScript thread, of the process and of the server, the bytes of memory resident now and at the most.
 * Null is what the system does not tell, and what nobody is there for.
 */
export function snapshotOfThis(server) {
  return {
    wall: wallClock(),
    js: threadCpu('/proc/thread-self') ?? total(process.threadCpuUsage?.()),
    cpu: total(process.cpuUsage()),
    serverCpu: processCpu(server),
    memory: process.memoryUsage().rss,
    // On Linux `maxRSS` begins with what the parent had when it started this process; the other does not.
    peak: memory('self', 'VmHWM') ?? process.resourceUsage().maxRSS * 1024,
  };
}

/** The same of a process whose JavaScript runs on its main thread, and whose threads do not end; Linux only. */
export function snapshotOf(pid, server) {
  return {
    wall: wallClock(),
    js: threadCpu(`/proc/${pid}/task/${pid}`),
    cpu: processCpu(pid),
    serverCpu: processCpu(server),
    memory: memory(pid, 'VmRSS'),
    peak: memory(pid, 'VmHWM'),
  };
}

/** Seconds since 1970, to the microsecond. */
export function wallClock() {
  return (performance.timeOrigin + performance.now()) / 1000;
}

function threadCpu(folder) {
  // In nanoseconds, which is why it comes before what a runtime has to say: Deno tells hundredths of a second.
  const schedule = textOf(`${folder}/schedstat`);
  return schedule === null ? null : Number(schedule.split(' ')[0]) / 1e9;
}

/** What its threads have taken: to the microsecond, where /proc/<pid>/stat counts hundredths of a second. */
function processCpu(pid) {
  if (pid === null) return null;
  const threads = fromProc(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const times = threads.map((thread) => threadCpu(`/proc/${pid}/task/${thread}`));
  return times.length === 0 || times.includes(null) ? null : times.reduce((sum, time) => sum + time);
}

function memory(pid, name) {
  const [, kibibytes] = textOf(`/proc/${pid}/status`)?.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm')) ?? [];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

function total(usage) {
  return usage === undefined ? null : (usage.user + usage.system) / 1e6;
}

function textOf(path) {
  return fromProc(() => readFileSync(path, 'latin1'));
}

function fromProc(read) {
  try {
    return read();
  } catch {
    // Not Linux, or not there.
    return null;
  }
}
