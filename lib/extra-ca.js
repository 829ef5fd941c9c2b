'use strict';

const { resolve } = require('node:path');

// Loaded with the package, before the rest of TLS: Node reads NODE_EXTRA_CA_CERTS once, at its start. Later changes of the
// variable or of the working directory have no effect on it, and must have none here.
const extraFile = process.env.NODE_EXTRA_CA_CERTS ? resolve(process.env.NODE_EXTRA_CA_CERTS) : null;

module.exports = { extraFile };
