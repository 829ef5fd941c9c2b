'use strict';

/**
 * What `load` returns, loaded when it is first asked for. A `require()` in its place costs some microseconds each time, and with the
 * resolve hook of the preload 15 to 30, which is much for a connection.
 */
function lazily(load) {
  let loaded;
  return () => (loaded ??= load());
}

module.exports = { lazily };
