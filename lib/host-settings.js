'use strict';
// What the host sets for connections, as opposed to the application that opens them:
// `{ tls, lockTls, lookup, closeTimeout, terms, contexts }`, with TLS settings as `parseTlsOptions` gives them and the native
// terms, or null for either; `contexts` are the native TLS configurations made for them, with their sessions. The `connect()`
// that was called decides whose settings hold.

/** How long a graceful close waits without progress, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

const nothingSet = Object.freeze({
  tls: null,
  lockTls: false,
  lookup: null,
  closeTimeout: CLOSE_TIMEOUT,
  terms: null,
  contexts: new Map(),
});

let choose = () => nothingSet;

/** For the package's own `connect()`, which has the settings of the preload's file, if there is one. */
function defaultSettings(host, port) {
  return choose(host, port);
}

/** From now on `chooser(host, port)` gives the settings for the package's own `connect()`. */
function setDefaultSettings(chooser) {
  choose = chooser;
}

module.exports = { CLOSE_TIMEOUT, defaultSettings, setDefaultSettings };
