'use strict';
// What a TLS socket of Node tells of its session, from what ours tells.

/**
 * The cipher suite as `getCipher()` of Node tells it. `iana` is its IANA name. The suites of TLS 1.3 have one name, those
 * of TLS 1.2 another one in OpenSSL.
 */
function toNodeCipher(iana, version) {
  const name = version === 'TLSv1.3' ? iana : openSslName(iana);
  return { name, standardName: iana, version };
}

/** Such as ECDHE-RSA-AES128-GCM-SHA256 of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. */
function openSslName(iana) {
  return iana
    .replace(/^TLS_/, '')
    .replace('_WITH_', '_')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace(/(CHACHA20_POLY1305)_SHA256$/, '$1')
    .replaceAll('_', '-');
}

/** The certificate as an `X509Certificate`. */
function toX509(der) {
  const { X509Certificate } = require('node:crypto');
  return new X509Certificate(der);
}

module.exports = { toNodeCipher, toX509 };
