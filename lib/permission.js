'use strict';
// Node's permission model, which knows nothing of the connections of an addon.

// Node before 25 says no to every question it does not understand.
const knowsOfNetwork = process.permission !== undefined && process.allowedNodeEnvironmentFlags.has('--allow-net');

/** Whether this process may not use the network. */
function isNetworkDenied() {
  return knowsOfNetwork && !process.permission.has('net');
}

module.exports = { isNetworkDenied };
