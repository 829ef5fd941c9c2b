'use strict';
// Loads the native addon once.

const { nativeDenied, nativeMissing } = require('./errors.js');

let binding;
try {
  binding = require('../binding.js');
} catch (error) {
  const denial = denialOfAddons();
  throw denial ? nativeDenied(denial) : nativeMissing(error);
}

/** Node's refusal to load any addon; null if it would. The generated loader keeps of the errors it met nothing but texts. */
function denialOfAddons() {
  try {
    // Refused before it is looked at, or found to be no addon.
    process.dlopen({ exports: {} }, __filename);
  } catch (error) {
    if (error.code === 'ERR_DLOPEN_DISABLED') return error;
  }
  return null;
}

module.exports = binding;
