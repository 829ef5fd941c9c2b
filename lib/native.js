'use strict';
// Loads the native addon once.

let binding;
try {
  binding = require('../binding.js');
} catch (cause) {
  const error = new Error(
    `winter-sockets has no native addon for ${process.platform}-${process.arch} here: run "npm rebuild winter-sockets" with a Rust toolchain installed to build it.`,
  );
  error.code = 'ERR_SOCKET_NATIVE_MISSING';
  error.cause = cause;
  throw error;
}

module.exports = binding;
