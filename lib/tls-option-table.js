'use strict';

const honoured = (reason) => ({ verdict: 'honoured', reason });
const ignored = (reason) => ({ verdict: 'ignored', reason });
const refused = (reason) => ({ verdict: 'refused', reason });
const binding = (reason) => ({ verdict: 'binding', reason });

const connection = ignored('concerns the connection, which exists already');
const serverSide = ignored('concerns servers; Node ignores it in a client too');
const fixedAlgorithms = refused('the algorithms are those of rustls and cannot be chosen');
const externalKey = refused('keys come from `key`, not from an engine');

/**
 * What becomes of each option of Node's `tls.connect`, with those of `net.connect` and `tls.createSecureContext` that it
 * takes too, of the three names of the Workers API and the WinterTC draft, and of what a binding alone takes. Names not listed are ignored, since
 * drivers pass objects with members of their own. A refused option throws, unless it is undefined, null or false; so does
 * one for bindings that an application gives.
 */
const tlsOptionTable = Object.freeze({
  expectedServerHostname: honoured('server name, as the Workers API calls it'),
  servername: honoured('server name; an empty one sends no SNI'),
  sni: honoured('server name, as the WinterTC draft calls it'),
  alpn: honoured('protocols to offer, as the WinterTC draft calls them'),
  ALPNProtocols: honoured('protocols to offer'),
  ca: honoured('replaces the default trust; an empty array trusts nothing'),
  cert: honoured('needs `key`'),
  key: honoured('needs `cert`; one key, RSA, Ed25519 or ECDSA on P-256, P-384 or P-521'),
  passphrase: honoured('decrypts `key`'),
  rejectUnauthorized: honoured('a boolean'),
  checkServerIdentity: honoured('replaces the check of the name'),
  minVersion: honoured('versions below TLSv1.2 mean TLSv1.2'),
  maxVersion: honoured('TLSv1.2 or TLSv1.3'),
  keyLogFile: binding('a binding alone may give away the secrets of its sessions'),

  allowHalfOpen: connection,
  autoSelectFamily: connection,
  autoSelectFamilyAttemptTimeout: connection,
  family: connection,
  fd: connection,
  handle: connection,
  highWaterMark: connection,
  hints: connection,
  host: connection,
  keepAlive: connection,
  keepAliveInitialDelay: connection,
  localAddress: connection,
  localPort: connection,
  lookup: connection,
  noDelay: connection,
  onread: connection,
  path: connection,
  pauseOnConnect: connection,
  port: connection,
  readable: connection,
  signal: connection,
  socket: connection,
  timeout: connection,
  typeOfService: connection,
  writable: connection,
  blockList: refused('restricts where the connection may go, which is settled by now'),

  ALPNCallback: serverSide,
  SNICallback: serverSide,
  dhparam: serverSide,
  honorCipherOrder: serverSide,
  requestCert: serverSide,
  server: serverSide,
  sessionIdContext: serverSide,
  sessionTimeout: serverSide,
  ticketKeys: serverSide,
  isServer: refused('this side is the client'),

  allowPartialTrustChain: ignored('a certificate in `ca` always ends the chain'),
  enableTrace: ignored('prints diagnostics of OpenSSL, which is not used'),
  minDHSize: ignored('key exchange over finite fields is never offered'),
  certificateCompression: fixedAlgorithms,
  ciphers: fixedAlgorithms,
  ecdhCurve: fixedAlgorithms,
  secureOptions: fixedAlgorithms,
  sigalgs: fixedAlgorithms,
  clientCertEngine: externalKey,
  privateKeyEngine: externalKey,
  privateKeyIdentifier: externalKey,
  crl: refused('revocation lists are not checked'),
  pfx: refused('give `cert` and `key` instead'),
  pskCallback: refused('pre-shared keys are not offered'),
  requestOCSP: refused('there is no event to report the response'),
  secureContext: refused('its settings cannot be read back; give them one by one'),
  secureProtocol: refused('give `minVersion` and `maxVersion` instead'),
  session: refused('sessions are kept and resumed without help'),
});

module.exports = { tlsOptionTable };
