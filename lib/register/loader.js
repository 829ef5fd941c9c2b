'use strict';
// Runs on the thread that `module.register()` starts, and sees `import` alone.

const { resolve } = require('./rules.js');

module.exports = { resolve };
