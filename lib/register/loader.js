'use strict';
// Runs on the thread that `module.register()` starts, and sees `import` alone.

const { makeRules } = require('./rules.js');

let rules;

/** Called by Node with the data given to `module.register()`, before the first resolve. */
function initialize({ routes }) {
  rules = makeRules(routes);
}

function resolve(specifier, context, nextResolve) {
  return rules.resolve(specifier, context, nextResolve);
}

module.exports = { initialize, resolve };
