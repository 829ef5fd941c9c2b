'use strict';

const { NodeSocket } = require('./node-socket.js');
const { toNodeCipher, toX509 } = require('./session.js');

/** The socket of a TLS session, with what drivers ask a `tls.TLSSocket`. */
class TlsNodeSocket extends NodeSocket {
  encrypted = true;

  /** Whether the server was verified, which it is before the session is up; false with `rejectUnauthorized: false`. */
  get authorized() {
    return this._session()?.isVerified ?? false;
  }

  /** What is the matter with the server's certificate: never anything, since it is refused then, or not looked at. */
  get authorizationError() {
    return null;
  }

  get alpnProtocol() {
    const session = this._session();
    return session === null ? null : (session.info.alpn ?? false);
  }

  /** The name that the server was asked for, false for none. */
  get servername() {
    const session = this._session();
    return session === null ? null : (session.serverName ?? false);
  }

  getProtocol() {
    return this._session()?.info.tlsVersion ?? null;
  }

  getCipher() {
    const session = this._session();
    return session === null ? undefined : toNodeCipher(session.info.cipher, session.info.tlsVersion);
  }

  getPeerX509Certificate() {
    const session = this._session();
    return session === null ? undefined : toX509(session.info.peerCertificate);
  }

  getPeerCertificate() {
    return this.getPeerX509Certificate()?.toLegacyObject() ?? null;
  }
}

module.exports = { TlsNodeSocket };
