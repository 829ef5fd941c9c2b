'use strict';

const { X509Certificate } = require('node:crypto');
const { readFileSync } = require('node:fs');
const tls = require('node:tls');

const { extraFile } = require('./extra-ca.js');
const { invalidType, invalidValue } = require('./errors.js');

// The end line is optional, so that a block that was cut off is found too, and then fails to parse.
const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*(?:-----END \1-----)?/g;

// OpenSSL's own store, in force with --use-openssl-ca, is not part of Node's 'default' list. That list's identity, before
// anyone replaces it with setDefaultCACertificates, tells whether the store still counts.
const openSslFlag = /(^|\s)--use-openssl-ca(\s|$)/;
const usesOpenSslStore =
  openSslFlag.test(process.execArgv.join(' ')) || openSslFlag.test(process.env.NODE_OPTIONS ?? '');
const openSslDefault = usesOpenSslStore ? tls.getCACertificates?.('default') : undefined;

let cached = { source: null, certificates: null };

/**
 * The certificates that Node's own `tls.connect` trusts by default, in DER. The same frozen array every time, until
 * `tls.setDefaultCACertificates` changes the set.
 */
function defaultTrust() {
  const source = tls.getCACertificates?.('default') ?? tls.rootCertificates;
  if (cached.source !== source) cached = { source, certificates: Object.freeze(readDefault(source)) };
  return cached.certificates;
}

function readDefault(source) {
  const listed = source.map(decodeBlock);
  if (tls.getCACertificates) {
    // The extra file's are in Node's list, the store's are not. Node's list for the system has those of its folders by any name.
    const store = source === openSslDefault ? (readStore() ?? tls.getCACertificates('system').map(decodeBlock)) : [];
    return unique([...listed, ...store]);
  }
  const certificates = (usesOpenSslStore && readStore()) || listed;
  if (extraFile) certificates.push(...readExtraFile());
  return unique(certificates);
}

/** Null if it cannot be told where the store is. */
function readStore() {
  return require('./openssl-store.js').openSslStore()?.flatMap(readStoreFile) ?? null;
}

/** As OpenSSL does: a file that is missing or has a fault in it counts for nothing, and nobody is told. */
function readStoreFile(file) {
  try {
    const blocks = readFileSync(file, 'latin1').match(CERTIFICATE) ?? [];
    // Those marked as TRUSTED say for what, and may say for nothing, which nothing here reads.
    return blocks.filter((block) => !block.includes(' TRUSTED ')).map((block) => new X509Certificate(block).raw);
  } catch {
    return [];
  }
}

/** As Node does: what comes before the first fault counts, and the program goes on with a warning. */
function readExtraFile() {
  const certificates = [];
  try {
    for (const [block] of readFileSync(extraFile, 'latin1').matchAll(CERTIFICATE)) {
      certificates.push(new X509Certificate(block).raw);
    }
  } catch (error) {
    process.emitWarning(`Ignoring extra certs from \`${extraFile}\`, load failed: ${error.message}`);
  }
  return certificates;
}

/** Only for Node's own lists, which are well-formed: checking each of 150 certificates costs 20 ms. */
function decodeBlock(block) {
  return Buffer.from(block.replace(/-----[^-]+-----/g, ''), 'base64');
}

function unique(certificates) {
  return [...new Map(certificates.map((der) => [der.toString('latin1'), der])).values()];
}

/**
 * Certificates that the caller gave, in DER: PEM with any number of blocks as text or bytes, one DER certificate as
 * bytes, or an array of these. Throws a TypeError naming `field` where one cannot be used.
 */
function parseCertificates(given, field) {
  return Array.isArray(given)
    ? given.flatMap((item, index) => parseCertificateItem(item, `${field}[${index}]`))
    : parseCertificateItem(given, field);
}

function parseCertificateItem(item, field) {
  const bytes = toBytes(item, field);
  const text = pemText(bytes);
  if (text === null) {
    const der = parseCertificate(bytes, field);
    if (der.length !== bytes.length) throw invalidValue(field, 'has bytes after its certificate');
    return [der];
  }
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw invalidValue(field, 'contains no certificate');
  return blocks.map((block) => parseCertificate(block, field));
}

function parseCertificate(encoded, field) {
  try {
    return new X509Certificate(encoded).raw;
  } catch {
    throw invalidValue(field, 'contains a certificate that cannot be parsed');
  }
}

/** PEM or DER as the caller gave it, as bytes. */
function toBytes(value, field) {
  if (typeof value === 'string') return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw invalidType(field, 'a string, a Buffer, a TypedArray or a DataView', value);
}

/** The text of PEM, or null for what can only be DER. */
function pemText(bytes) {
  // DER of a certificate or key starts with the tag of a SEQUENCE; so does a PEM file with a comment that starts with "0".
  return bytes[0] === 0x30 && !bytes.includes('-----BEGIN ') ? null : bytes.toString('latin1');
}

module.exports = { defaultTrust, parseCertificates, pemText, toBytes, unique };
