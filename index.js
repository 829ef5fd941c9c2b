'use strict';

// First of all: it takes note of what the environment says at the start.
require('./lib/extra-ca.js');
const { createBinding } = require('./lib/create-binding.js');
const { SocketError } = require('./lib/errors.js');
const { Socket, connect } = require('./lib/socket.js');

module.exports.connect = connect;
module.exports.Socket = Socket;
module.exports.SocketError = SocketError;
module.exports.createBinding = createBinding;
