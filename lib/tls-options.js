'use strict';

const { X509Certificate, createHash, createPrivateKey } = require('node:crypto');
const { isIP } = require('node:net');
const tls = require('node:tls');

const { memberOf } = require('./check.js');
const { invalidType, invalidValue, quote } = require('./errors.js');
const { parseAlpn } = require('./alpn.js');
const { tlsOptionTable } = require('./tls-option-table.js');
const { defaultTrust, parseCertificates, pemText, toBytes, unique } = require('./trust.js');

const optionsBy = (verdict) => Object.keys(tlsOptionTable).filter((name) => tlsOptionTable[name].verdict === verdict);
const refusedOptions = optionsBy('refused');
const bindingOptions = optionsBy('binding');

/** What holds where nobody has said anything; of its own, whatever is in the prototype of every object. */
const DEFAULTS = Object.freeze({
  serverName: null,
  sni: true,
  alpn: [],
  ca: null,
  cert: null,
  key: null,
  rejectUnauthorized: true,
  checkServerIdentity: null,
  minVersion: null,
  maxVersion: null,
  keyLogFile: null,
});
const NO_OPTIONS = Object.freeze(Object.create(null));

/** Node's names of versions; rustls speaks the last two. */
const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const LOWEST_SPOKEN = VERSIONS.indexOf('TLSv1.2');

const KEY_TYPES = new Set(['rsa', 'ec', 'ed25519']);
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const DER_KEY_TYPES = ['pkcs8', 'sec1', 'pkcs1'];

// A driver passes the same PEM for each of its connections: parsing a bundle of 100 certificates takes 5 ms, a key 0.5 ms.
const CACHE_SIZE = 64;
const parsedByText = new Map();
const parsedByDigest = new Map();
const settingsDigests = new Map();
const fingerprints = new WeakMap();

/**
 * TLS options as typed settings:
 * `{ serverName, sni, alpn, ca, cert, key, rejectUnauthorized, checkServerIdentity, minVersion, maxVersion, keyLogFile }`.
 *
 * `hostname` names the server where no option does; without either `serverName` is null. `defaults` are settings parsed
 * before, which hold for every member not given here. `draft` are the members `sni` and `alpn` that stand beside
 * the object; `forBinding` admits what an application may not ask for. Throws a TypeError for what cannot be used, naming it
 * as a member of `field`.
 */
function parseTlsOptions(options, context = NO_OPTIONS) {
  const { hostname = null, field = 'options', defaults, draft = NO_OPTIONS, forBinding = false } = context;
  if (given(options) && typeof options !== 'object' && typeof options !== 'function') {
    throw invalidType(field, 'an object', options);
  }
  const members = options ?? NO_OPTIONS;
  const read = (name) => memberOf(members, name);
  refuse(refusedOptions, read, field);
  if (!forBinding) refuse(bindingOptions, read, field);
  const ca = read('ca');
  const rejectUnauthorized = read('rejectUnauthorized');
  const checkServerIdentity = read('checkServerIdentity');
  expectType(rejectUnauthorized, 'boolean', `${field}.rejectUnauthorized`);
  expectType(checkServerIdentity, 'function', `${field}.checkServerIdentity`);
  const names = [
    { field: `${field}.expectedServerHostname`, value: read('expectedServerHostname'), verifyOnly: true },
    { field: `${field}.servername`, value: read('servername') },
    { field: `${field}.sni`, value: read('sni') },
    { field: 'options.sni', value: draft.sni },
  ];
  const protocols = [
    { field: `${field}.alpn`, value: read('alpn') },
    { field: `${field}.ALPNProtocols`, value: read('ALPNProtocols'), wire: true },
    { field: 'options.alpn', value: draft.alpn },
  ];
  const base = defaults ?? DEFAULTS;
  const server = parseServerName(names, hostname, base);
  const own = { cert: read('cert'), key: read('key'), passphrase: read('passphrase') };
  const credentials = parseCredentials(own, field) ?? base;
  const versions = parseVersions({ minVersion: read('minVersion'), maxVersion: read('maxVersion') }, field, base);
  // Not by spreading: this runs for each connection, and takes 1 us so but 5 us with it.
  return {
    serverName: server.serverName,
    sni: server.sni,
    alpn: parseAlpn(protocols) ?? base.alpn,
    ca: given(ca) ? parseTrust(ca, `${field}.ca`) : base.ca,
    cert: credentials.cert,
    key: credentials.key,
    rejectUnauthorized: rejectUnauthorized ?? base.rejectUnauthorized,
    checkServerIdentity: checkServerIdentity ?? base.checkServerIdentity,
    minVersion: versions.minVersion,
    maxVersion: versions.maxVersion,
    keyLogFile: (forBinding && read('keyLogFile')) || base.keyLogFile,
  };
}

function refuse(names, read, field) {
  for (const name of names) {
    const value = read(name);
    if (given(value) && value !== false) {
      throw invalidValue(`${field}.${name}`, `is not supported: ${tlsOptionTable[name].reason}`);
    }
  }
}

function given(value) {
  return value !== undefined && value !== null;
}

function expectType(value, type, field) {
  const actual = typeof value;
  if (given(value) && actual !== type) throw invalidType(field, `a ${type}`, value);
}

/** One name serves for verification, for session tickets and, unless `sni` is false, for SNI. */
function parseServerName(candidates, hostname, base) {
  let chosen = null;
  let announced = null;
  let silenced = null;
  for (const { field, value, verifyOnly } of candidates) {
    expectType(value, 'string', field);
    if (!given(value)) continue;
    if (value === '' && !verifyOnly) {
      silenced = field;
      continue;
    }
    const name = normalizeServerName(value, field);
    if (chosen && chosen.name.toLowerCase() !== name.toLowerCase()) {
      throw invalidValue(field, `disagrees with "${chosen.field}": ${quote(value)}`);
    }
    chosen ??= { field, name };
    if (!verifyOnly) announced = field;
  }
  if (silenced && announced) throw invalidValue(silenced, `is empty and disagrees with "${announced}"`);
  const fallback = () => (hostname === null ? null : normalizeServerName(hostname, 'hostname'));
  const serverName = chosen?.name ?? base.serverName ?? fallback();
  // An address is never announced; rustls sees to that.
  return { serverName, sni: !silenced && (announced !== null || base.sni) };
}

/** Without the brackets and the zone of an IPv6 address, or the final dot of a DNS name; case is kept. */
function normalizeServerName(text, field) {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (isIP(address)) return address;
  const name = text.replace(/\.$/, '');
  if (!isDnsName(name)) throw invalidValue(field, `cannot be the name of a TLS server: ${quote(text)}`);
  return name;
}

/** By the rules of rustls, so that no name accepted here fails there; a last label that is a number means IPv4. */
function isDnsName(name) {
  const labels = name.split('.');
  return (
    name.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label)) &&
    !/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1))
  );
}

/** Whether a host, as `validateAddress` gives it, can also be the name of a TLS server. */
function isServerName(host) {
  return isIP(host) !== 0 || isDnsName(host.replace(/\.$/, ''));
}

function parseTrust(ca, field) {
  const parse = (certificates) => Object.freeze(unique(parseCertificates(certificates, field)));
  if (typeof ca === 'string') return recall(parsedByText, ca, () => parse(ca));
  const copies = copyItems(ca, field);
  return recall(parsedByDigest, digestParts([copies].flat()), () => parse(copies));
}

/** Node sends no certificate when `cert` or `key` is missing; here that is an error. */
function parseCredentials({ cert, key, passphrase }, field) {
  expectType(passphrase, 'string', `${field}.passphrase`);
  const [hasCert, hasKey] = [cert, key].map((value) => given(value) && !(Array.isArray(value) && value.length === 0));
  if (!hasCert && !hasKey) return null;
  if (!hasKey) throw invalidValue(`${field}.cert`, 'is given without `key`');
  if (!hasCert) throw invalidValue(`${field}.key`, 'is given without `cert`');
  const encoded = readKeyEntry(key, passphrase, field);
  const copies = copyItems(cert, `${field}.cert`);
  const inputs = [[copies].flat(), [encoded.bytes], [Buffer.from(encoded.passphrase ?? '')]];
  const id = inputs.map(digestParts).join();
  return recall(parsedByDigest, id, () => {
    const chain = Object.freeze(parseCertificates(copies, `${field}.cert`));
    const privateKey = parseKey(encoded, field);
    if (!new X509Certificate(chain[0]).checkPrivateKey(privateKey)) {
      throw invalidValue(`${field}.key`, `does not belong to the first certificate of "${field}.cert"`);
    }
    return { cert: chain, key: privateKey.export({ type: 'pkcs8', format: 'der' }) };
  });
}

/** The one key that may be given: PEM or DER, or as Node's `{ pem, passphrase }`, alone or in an array. */
function readKeyEntry(key, passphrase, field) {
  if (Array.isArray(key) && key.length > 1) throw invalidValue(`${field}.key`, 'has more than one key');
  const entry = Array.isArray(key) ? key[0] : key;
  if (entry === null || typeof entry !== 'object' || ArrayBuffer.isView(entry)) {
    return { bytes: Buffer.from(toBytes(entry, `${field}.key`)), passphrase };
  }
  const { pem, passphrase: own } = entry;
  expectType(own, 'string', `${field}.key.passphrase`);
  return { bytes: Buffer.from(toBytes(pem, `${field}.key.pem`)), passphrase: own ?? passphrase };
}

function parseKey({ bytes, passphrase }, field) {
  const privateKey = decodeKey(bytes, passphrase, field);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = privateKey;
  if (!KEY_TYPES.has(type) || (type === 'ec' && !CURVES.has(details.namedCurve))) {
    throw invalidValue(`${field}.key`, `is of an unsupported type: ${details.namedCurve ?? type}`);
  }
  return privateKey;
}

/** The errors of OpenSSL are replaced: their texts and codes differ between versions and name no option. */
function decodeKey(bytes, passphrase, field) {
  const text = pemText(bytes);
  const formats = text === null ? DER_KEY_TYPES.map((type) => ({ format: 'der', type })) : [{ format: 'pem' }];
  let encrypted = text?.includes('ENCRYPTED');
  for (const format of formats) {
    try {
      return createPrivateKey({ key: bytes, passphrase, ...format });
    } catch (error) {
      encrypted ||= error.code === 'ERR_MISSING_PASSPHRASE' || error.code === 'ERR_OSSL_BAD_DECRYPT';
    }
  }
  if (!encrypted) throw invalidValue(`${field}.key`, 'contains no private key that can be parsed');
  throw invalidValue(`${field}.passphrase`, passphrase === undefined ? 'is needed by `key`' : 'does not decrypt `key`');
}

/** What is not given follows Node's own defaults, so that its flags `--tls-min-v1.3` and `--tls-max-v1.2` hold. */
function parseVersions({ minVersion, maxVersion }, field, base) {
  const lowest = Math.max(
    LOWEST_SPOKEN,
    parseVersion(minVersion ?? base.minVersion ?? tls.DEFAULT_MIN_VERSION, `${field}.minVersion`),
  );
  const highest = parseVersion(maxVersion ?? base.maxVersion ?? tls.DEFAULT_MAX_VERSION, `${field}.maxVersion`);
  if (highest < LOWEST_SPOKEN) throw invalidValue(`${field}.maxVersion`, 'is below TLSv1.2, the lowest version spoken');
  if (lowest > highest && given(minVersion)) {
    throw invalidValue(`${field}.minVersion`, `is above the highest version, ${VERSIONS[highest]}`);
  }
  if (lowest > highest) throw invalidValue(`${field}.maxVersion`, `is below the lowest version, ${VERSIONS[lowest]}`);
  return { minVersion: VERSIONS[lowest], maxVersion: VERSIONS[highest] };
}

function parseVersion(version, field) {
  expectType(version, 'string', field);
  const index = VERSIONS.indexOf(version);
  if (index < 0) throw invalidValue(field, `must be one of ${VERSIONS.join(', ')}; received ${quote(version)}`);
  return index;
}

/**
 * SHA-256, in hex, over all that distinguishes one TLS client configuration from another; not over the server name,
 * which belongs to a connection. The default trust counts when it is used: it can change while the program runs.
 */
function digestTlsSettings(settings) {
  const trust = settings.ca ?? (settings.rejectUnauthorized ? defaultTrust() : null);
  const summary = JSON.stringify([
    settings.ca !== null,
    trust && fingerprint(trust),
    settings.cert && fingerprint(settings.cert),
    settings.key && fingerprint(settings.key),
    settings.alpn.map((name) => name.toString('hex')),
    settings.rejectUnauthorized,
    settings.checkServerIdentity !== null,
    settings.minVersion,
    settings.maxVersion,
    settings.keyLogFile,
  ]);
  return recall(settingsDigests, summary, () => createHash('sha256').update(summary).digest('hex'));
}

/** Of a Buffer, or an array of them, that nobody changes: all come from the caches or from `defaultTrust`. */
function fingerprint(value) {
  let hex = fingerprints.get(value);
  if (!hex) {
    hex = digestParts([value].flat());
    fingerprints.set(value, hex);
  }
  return hex;
}

/** What the caller gave, one item or an array of them, as bytes of our own: what is digested must be what is parsed. */
function copyItems(given, field) {
  if (!Array.isArray(given)) return Buffer.from(toBytes(given, field));
  return Array.from(given, (item, index) => Buffer.from(toBytes(item, `${field}[${index}]`)));
}

function digestParts(parts) {
  const hash = createHash('sha256');
  for (const bytes of parts) hash.update(`${bytes.length}:`).update(bytes);
  return hash.digest('hex');
}

/** The value that `build` made for this key before, or makes now. A build that throws leaves nothing. */
function recall(cache, key, build) {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const value = build();
  if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value);
  cache.set(key, value);
  return value;
}

module.exports = { digestTlsSettings, fingerprint, isServerName, normalizeServerName, parseTlsOptions };
