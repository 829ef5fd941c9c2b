// What main.mjs and worker.mjs share: from a job to its measurement.

import { Meter } from './meter.mjs';

/** `observe()` returns or resolves to a snapshot of this process, as snapshot.mjs has them. */
export async function runJob(job, observe) {
  const { scenario, module, variant, secureTransport, host, port, database, size, started } = job;
  const [{ run }, { connect }] = await Promise.all([
    import(`../scenarios/${scenario}.mjs`),
    import(`../implementations/${module}.mjs`),
  ]);
  return run({
    connect: () => connect({ host, port, secureTransport }),
    secure: secureTransport === 'on',
    meter: new Meter(observe, started),
    ...{ module, variant, size, database },
  });
}
