'use strict';

/** A promise and the means to settle it; as `Promise.withResolvers()`, which Node 20 has not. */
function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** The same, marked as handled: what it tells shows elsewhere too, and nobody has to look at it. */
function handledWithResolvers() {
  const deferred = withResolvers();
  deferred.promise.catch(() => {});
  return deferred;
}

module.exports = { handledWithResolvers, withResolvers };
