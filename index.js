'use strict';

const { SocketError } = require('./lib/errors.js');
const { Socket, connect } = require('./lib/socket.js');

module.exports.connect = connect;
module.exports.Socket = Socket;
module.exports.SocketError = SocketError;
