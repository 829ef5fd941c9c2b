'use strict';
// `cloudflare:sockets` as the Workers build of postgres gets it.
//
// That build tells of one failure up to three times: when `closed`, a read and a write reject. The first read or write that
// does makes postgres give the connection up and take its listeners off; an 'error' emitted after that is thrown into a
// promise nobody handles, as is any failure of the read that waits for the server's answer to the wish for TLS. In a Worker
// that is a line in a log, in Node the end of the process. So each failure is told once, where postgres acts on it.

const sockets = require('../../index.js');

function connect(address, options) {
  const socket = sockets.connect(address, options);
  return options.secureTransport === 'starttls' ? beforeTls(socket) : inUse(socket);
}

/** A socket on which postgres always reads: its reads tell of a failure. */
function inUse(socket) {
  return facade(socket, {
    read: (reader) => reader.read(),
    write: (writer, chunk) => unlessRejected(writer.write(chunk)),
  });
}

/** A socket whose one read is taken for data, whatever it gives: its write tells of a failure, and `closed` of the end. */
function beforeTls(socket) {
  return facade(socket, {
    read: (reader) => unlessRejected(reader.read().then((result) => (result.done ? Promise.reject() : result))),
    write: (writer, chunk) => writer.write(chunk),
  });
}

/** What postgres uses of a socket. */
function facade(socket, { read, write }) {
  return {
    closed: unlessRejected(socket.closed),
    readable: {
      getReader() {
        const reader = socket.readable.getReader();
        return { read: () => read(reader), releaseLock: () => reader.releaseLock() };
      },
    },
    writable: {
      getWriter() {
        const writer = socket.writable.getWriter();
        return { ready: writer.ready, write: (chunk) => write(writer, chunk), releaseLock: () => writer.releaseLock() };
      },
    },
    startTls: (options) => inUse(socket.startTls(options)),
    close: () => socket.close(),
  };
}

/** A promise that settles as the given one, unless that rejects. */
function unlessRejected(promise) {
  return new Promise((resolve) => {
    promise.then(resolve, () => {});
  });
}

module.exports = { connect };
