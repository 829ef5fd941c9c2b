'use strict';

const { badState, invalidType } = require('../errors.js');
const { lifecycleOf } = require('../socket.js');
const { NodeSocket } = require('./node-socket.js');
const { TlsNodeSocket } = require('./tls-node-socket.js');

function toNodeSocket(socket) {
  const lifecycle = lifecycleOf(socket);
  if (lifecycle === null) throw invalidType('socket', 'a Socket that connect() or startTls() returned', socket);
  if (socket.readable.locked || socket.writable.locked) {
    throw badState('toNodeSocket() was called on a socket whose streams are in use');
  }
  const { allowHalfOpen, secureTransport } = lifecycle.settings;
  return secureTransport === 'on'
    ? new TlsNodeSocket(socket, { allowHalfOpen })
    : new NodeSocket(socket, { allowHalfOpen, Upgraded: TlsNodeSocket });
}

module.exports.toNodeSocket = toNodeSocket;
