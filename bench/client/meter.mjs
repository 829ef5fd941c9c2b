// What a client measures of itself, and of the server while it does.

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

/** Measures by snapshots: `observe()` returns or resolves to one, as snapshot.mjs has them. */
export class Meter {
  #observe;
  #started;

  /** `started`: when this process was started, in milliseconds since 1970. */
  constructor(observe, started) {
    this.#observe = observe;
    this.#started = started;
  }

  /**
   * Has `work(stretch)` done twice, first to warm up, and resolves to what the second one took:
   * `{ amount, seconds, jsCpu, cpu, serverCpu }`. The times are seconds; `jsCpu` is that of the JavaScript thread, `cpu`
   * that of the whole process, `serverCpu` the server's; null where the system does not tell.
   */
  async rate(work, { warmUp, seconds }) {
    await work(new Stretch(warmUp));
    const stretch = new Stretch(seconds);
    const took = await this.took(() => work(stretch));
    return { amount: stretch.amount, ...took };
  }

  /** `{ seconds, jsCpu, cpu, serverCpu }` that the work took. */
  async took(work) {
    const before = await this.#observe();
    await work();
    const after = await this.#observe();
    const passed = (name) => (before[name] === null ? null : after[name] - before[name]);
    return {
      seconds: passed('wall'),
      jsCpu: passed('js'),
      cpu: passed('cpu'),
      serverCpu: passed('serverCpu'),
    };
  }

  /** Bytes resident, once what is not in use has been collected. */
  async memory() {
    if (globalThis.Bun) globalThis.Bun.gc(true);
    else globalThis.gc();
    return (await this.#observe()).memory;
  }

  /** The most memory this process has had, in bytes. */
  async peakMemory() {
    return (await this.#observe()).peak;
  }

  /** Seconds since the process was started. */
  async age() {
    return (await this.#observe()).wall - this.#started / 1000;
  }
}
