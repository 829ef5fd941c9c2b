'use strict';
// Puts the preload's configuration in force. Everything that a process without one has no use for is loaded no sooner than
// it is needed: the preload is part of every start.

const VARIABLE = 'WINTER_SOCKETS_CONFIG';
const ROUTES = { pg: true, postgres: false };

/** As Node marks what a worker may not do. To ask `node:worker_threads` would cost each start a millisecond or two. */
const isWorker = process.abort.disabled === true;

/** Gives back which packages are routed. A mistake in the file ends the program before it has begun. */
function configure() {
  const file = isWorker ? require('node:worker_threads').getEnvironmentData(VARIABLE) : findFile();
  if (file === undefined) return ROUTES;
  const { routes, settingsFor } = loadOrStop(file);
  const { setDefaultSettings } = require('../host-settings.js');
  setDefaultSettings(settingsFor);
  return routes;
}

/** Left where workers find it: they may stand elsewhere by then, or have been given another environment. */
function findFile() {
  const path = process.env[VARIABLE];
  if (path === undefined) return undefined;
  // A variable that was to hold a path and holds nothing must not mean that nothing is set.
  if (path === '') stop(`${VARIABLE} is empty: it names no file`);
  const file = require('node:path').resolve(path);
  require('node:worker_threads').setEnvironmentData(VARIABLE, file);
  return file;
}

function loadOrStop(file) {
  const { loadConfiguration } = require('./config.js');
  try {
    return loadConfiguration(file, ROUTES);
  } catch (error) {
    return stop(error.message, error.code);
  }
}

function stop(reason, code) {
  const message = `winter-sockets: ${reason}`;
  // Exiting would end a worker alone, and silently.
  if (isWorker) throw Object.assign(new Error(message), { code });
  // Not thrown: Node would bury the message under a stack that says nothing to whoever wrote the file.
  require('node:fs').writeSync(process.stderr.fd, `${message}\n`);
  return process.exit(1);
}

module.exports = { configure };
