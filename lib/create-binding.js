'use strict';

const { parseBindingSettings } = require('./binding-settings.js');
const { openSocket } = require('./socket.js');

/** What `createBinding` returns. Its settings are in a closure, where no inspection finds the keys among them. */
class Binding {
  constructor(settings) {
    // An own function that needs no `this`: drivers take it as it is.
    this.connect = function connect(address, options) {
      return openSocket(() => settings, address, options);
    };
    Object.freeze(this);
  }
}

/** A `connect()` with settings of the host's: docs/bindings.md. */
function createBinding(config) {
  return new Binding(parseBindingSettings(config, 'config'));
}

module.exports = { createBinding };
