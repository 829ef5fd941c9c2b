// Handlers that put TLS, or the way to it, under another handler.

import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createServer } from 'node:tls';
import { Recorder } from './connection-log.mjs';

/** TLS from the first byte. The options are those of Node's `tls.createServer`; tickets work across connections. */
export function overTls(options, next) {
  const ticketKeys = randomBytes(48);

  return (socket, log) => {
    log.wire = new Recorder();
    // One server per connection ties the secure stream to its log; it never listens.
    const server = createServer({ ticketKeys, ...options });
    let secure = null;
    server.on('secureConnection', (stream) => {
      secure = stream;
      secure.on('error', () => {});
      log.secure(describe(secure));
      next(secure, log);
    });
    server.on('tlsClientError', (error, stream) => {
      stream.on('error', () => {});
      log.secure({ error: error.code });
    });
    server.emit(
      'connection',
      tap(socket, log, () => secure),
    );
  };
}

/**
 * A line protocol: `STARTTLS\n` is answered with `OK\n` and the connection goes to `next`, say `overTls()`; any other line
 * is answered with itself.
 *
 * `inject` forges plaintext behind the answer: `{ text, splitAt, rest }`. Answer and text are sent as one piece, or cut
 * after `splitAt` bytes, in which case the rest follows as its own segment: 'now', or 'after-hello', that is when the
 * client's next bytes have come and before they are answered.
 */
export function startTls({ inject } = {}, next) {
  return (socket, log) => {
    let pending = Buffer.alloc(0);

    const readLines = (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.toString('latin1', 0, end);
        pending = pending.subarray(end + 1);
        log.commands.push(line);
        if (line === 'STARTTLS') return upgrade();
        socket.write(`${line}\n`);
      }
    };
    const endToo = () => socket.end();
    const upgrade = async () => {
      socket.off('data', readLines).off('end', endToo).pause();
      if (pending.length > 0) socket.unshift(pending);
      await answer(socket, inject);
      next(socket, log);
    };

    socket.on('data', readLines).on('end', endToo).resume();
  };
}

async function answer(socket, { text = '', splitAt = Number.POSITIVE_INFINITY, rest = 'now' } = {}) {
  const bytes = Buffer.from(`OK\n${text}`);
  await written(socket, bytes.subarray(0, splitAt));
  if (splitAt >= bytes.length) return;
  if (rest === 'after-hello') {
    await new Promise((resolve) => {
      socket
        .once('data', (hello) => {
          socket.pause();
          socket.unshift(hello);
          resolve();
        })
        .resume();
    });
  }
  await written(socket, bytes.subarray(splitAt));
}

function written(socket, bytes) {
  return new Promise((resolve) => {
    socket.write(bytes, () => resolve());
  });
}

function describe(secure) {
  return {
    servername: secure.servername || null,
    protocol: secure.getProtocol(),
    cipher: secure.getCipher().standardName,
    alpn: secure.alpnProtocol || null,
    resumed: secure.isSessionReused(),
    peerCertificate: secure.getPeerCertificate().raw ?? null,
    error: null,
  };
}

/**
 * The socket as a stream that records what passes and holds back the end of TCP. Node reports close_notify and the end of
 * TCP by the same event; with the second held back, the event can only mean the first.
 */
function tap(socket, log, getSecure) {
  const stream = new Duplex({
    read: () => socket.resume(),
    // A handler may have ended TCP under TLS, which still wants to say close_notify.
    write: (chunk, _encoding, done) => (socket.writable ? socket.write(chunk, () => done()) : done()),
    final: (done) => socket.end(() => done()),
    destroy: (error, done) => {
      // Not destroy(): an alert may be on its way out.
      socket.destroySoon();
      done(error);
    },
  });

  const noteClose = () => {
    log.closeNotify ??= getSecure()?.readableEnded ?? false;
  };
  const passEnd = () => {
    if (stream.destroyed) return;
    if (stream.readableLength > 0 || getSecure()?.readableLength > 0) return setTimeout(passEnd, 1);
    noteClose();
    // Without a handshake there is nobody to act on the end.
    if (getSecure() === null) stream.destroy();
    else stream.push(null);
  };

  socket.on('data', (chunk) => {
    log.wire.add(chunk);
    if (!stream.push(chunk)) socket.pause();
  });
  // Two turns, since the last bytes go through the decryption and a tick of its stream.
  socket.on('end', () => setImmediate(setImmediate, passEnd));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => {
    noteClose();
    stream.destroy();
  });
  return stream;
}
