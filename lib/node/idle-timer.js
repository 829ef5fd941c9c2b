'use strict';

const { clearTimeout, setTimeout } = require('node:timers');

const { invalidType, outOfRange } = require('../errors.js');

/** The longest time that Node's timers know. */
const LONGEST = 2 ** 31 - 1;

/** Calls back when nothing has happened for a time, like the timer of a `net.Socket`: once, until something happens again. */
class IdleTimer {
  #timer = null;
  #onIdle;

  constructor(onIdle) {
    this.#onIdle = onIdle;
  }

  /** From now on with so many milliseconds, at most 2^31 - 1; 0 turns it off. */
  set(milliseconds) {
    if (typeof milliseconds !== 'number') throw invalidType('timeout', 'a number', milliseconds);
    if (!(milliseconds >= 0) || milliseconds === Number.POSITIVE_INFINITY) {
      throw outOfRange('timeout', 'must be a non-negative, finite number of milliseconds');
    }
    this.clear();
    if (milliseconds > 0) this.#timer = setTimeout(this.#onIdle, Math.min(milliseconds, LONGEST)).unref();
  }

  /** Something has happened. */
  restart() {
    this.#timer?.refresh();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

module.exports = { IdleTimer };
