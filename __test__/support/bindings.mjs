// What the tests of bindings share.

import { createBinding } from '../../index.js';

/** A socket through a binding with this configuration, dropped when the test ends. */
export function dialBound(t, config, to, options) {
  return owned(t, createBinding(config).connect(to.address ?? to, options));
}

/** A socket that is dropped when the test ends. */
export function owned(t, socket) {
  t.after(() => socket.close(new Error('the test is over')));
  return socket;
}

/** A lookup that gives these addresses for every name, and says how often it was asked in `calls`. */
export function book(...addresses) {
  const lookup = (_name, _options, done) => {
    lookup.calls++;
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  lookup.calls = 0;
  return lookup;
}
