'use strict';
// The files of OpenSSL's own store, which --use-openssl-ca puts in the place of the bundled certificates. No Node tells what
// is in it.

const { readdirSync } = require('node:fs');
const { delimiter, join } = require('node:path');

// Compiled into the OpenSSL that Node brings along. That of the system may have its home elsewhere, and nobody tells where.
const HOMES = { darwin: '/System/Library/OpenSSL', win32: 'C:\\Program Files\\Common Files\\SSL' };
const home = process.config.variables.node_shared_openssl ? null : (HOMES[process.platform] ?? '/etc/ssl');

/** A certificate is found in a folder by the hash of its name alone. */
const HASHED = /^[0-9a-f]{8}\.\d+$/;

/** The paths of the files that may hold certificates of the store, or null if it cannot be told where it is. */
function openSslStore() {
  // A variable that is set to nothing means none.
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = process.env;
  if (home === null && (file === undefined || folders === undefined)) return null;
  const hashed = (folders?.split(delimiter) ?? [join(home, 'certs')]).flatMap(hashedFiles);
  return [file ?? join(home, 'cert.pem'), ...hashed];
}

function hashedFiles(folder) {
  try {
    return readdirSync(folder)
      .filter((name) => HASHED.test(name))
      .map((name) => join(folder, name));
  } catch {
    // As OpenSSL does: what is not there has nothing in it.
    return [];
  }
}

module.exports = { openSslStore };
