'use strict';

const { writeSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const { loadConfiguration } = require('./config.js');

/** Puts the configuration in force and gives it back. A mistake in it ends the program before it has begun. */
function configure() {
  const configuration = loadOrStop();
  if (configuration.settingsFor) {
    const { setDefaultSettings } = require('../host-settings.js');
    setDefaultSettings(configuration.settingsFor);
  }
  return configuration;
}

function loadOrStop() {
  try {
    return loadConfiguration();
  } catch (error) {
    const message = `winter-sockets: ${error.message}`;
    // In a worker that would end the worker alone, and silently.
    if (!isMainThread) throw Object.assign(new Error(message), { code: error.code });
    // Not thrown: Node would bury the message under a stack that says nothing to whoever wrote the file.
    writeSync(process.stderr.fd, `${message}\n`);
    return process.exit(1);
  }
}

module.exports = { configure };
