'use strict';

/** A promise and the means to settle it. */
class Deferred {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Marked as handled: what it tells shows elsewhere too, and nobody has to look at it.
    this.promise.catch(() => {});
  }
}

module.exports = { Deferred };
