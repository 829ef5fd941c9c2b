'use strict';

const ignore = () => {};

/** A promise and the means to settle it; as `Promise.withResolvers()`, which Node 20 has not. */
function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/**
 * The same, marked as handled: what it tells shows elsewhere too, and nobody has to look at it. The promise is made when
 * it is first asked for: most of a socket's never are, and each costs some 500 bytes with its resolvers.
 */
class HandledDeferred {
  #deferred = null;
  /** `['resolve' | 'reject', value]`, the first to come. */
  #outcome = null;

  get promise() {
    if (this.#deferred === null) {
      this.#deferred = withResolvers();
      this.#deferred.promise.catch(ignore);
      this.#tell();
    }
    return this.#deferred.promise;
  }

  resolve(value) {
    this.#settle('resolve', value);
  }

  reject(reason) {
    this.#settle('reject', reason);
  }

  #settle(how, value) {
    if (this.#outcome !== null) return;
    this.#outcome = [how, value];
    if (this.#deferred !== null) this.#tell();
  }

  #tell() {
    if (this.#outcome === null) return;
    const [how, value] = this.#outcome;
    this.#deferred[how](value);
  }
}

module.exports = { HandledDeferred, withResolvers };
