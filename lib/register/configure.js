'use strict';
// Puts the preload's configuration in force. Loaded where the variable is set, and in workers, whose own environment does not
// tell.

const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads');

const VARIABLE = 'WINTER_SOCKETS_CONFIG';

/** Gives back which packages are routed. A mistake in the file ends the program before it has begun. */
function configure(defaultRoutes) {
  const file = isMainThread ? findFile() : getEnvironmentData(VARIABLE);
  if (file === undefined) return defaultRoutes;
  const { routes, settingsFor } = loadOrStop(file, defaultRoutes);
  const { setDefaultSettings } = require('../host-settings.js');
  setDefaultSettings(settingsFor);
  return routes;
}

/** Left where workers find it: they may stand elsewhere by then, or have been given another environment. */
function findFile() {
  const path = process.env[VARIABLE];
  // A variable that was to hold a path and holds nothing must not mean that nothing is set.
  if (path === '') stop(`${VARIABLE} is empty: it names no file`);
  const file = require('node:path').resolve(path);
  setEnvironmentData(VARIABLE, file);
  return file;
}

function loadOrStop(file, defaultRoutes) {
  const { loadConfiguration } = require('./config.js');
  try {
    return loadConfiguration(file, defaultRoutes);
  } catch (error) {
    return stop(error.message, error.code);
  }
}

function stop(reason, code) {
  const message = `winter-sockets: ${reason}`;
  // Exiting would end a worker alone, and silently.
  if (!isMainThread) throw Object.assign(new Error(message), { code });
  // Not thrown: Node would bury the message under a stack that says nothing to whoever wrote the file.
  require('node:fs').writeSync(process.stderr.fd, `${message}\n`);
  return process.exit(1);
}

module.exports = { configure };
