'use strict';
// The preload's configuration: a JSON file with what the host sets for the connections of a program that knows nothing of
// it. docs/bindings.md describes it, config.schema.json tells editors of it.

const { readFileSync } = require('node:fs');
const { dirname, resolve } = require('node:path');

const { expectMembers, expectObject } = require('../check.js');
const { invalidType, invalidValue, quote } = require('../errors.js');

const MEMBERS = ['$schema', 'default', 'hosts', 'routes'];
/** Members of TLS settings that are paths here, of files with what they are elsewhere. */
const FILES = ['ca', 'cert', 'key'];
/** What takes a function, which JSON has none of. */
const CODE = { config: ['lookup'], tls: ['checkServerIdentity'] };
/** Names for one thing: an entry that has one of them sets it, whatever name the default has for it. */
const SYNONYMS = [
  ['alpn', 'ALPNProtocols'],
  ['expectedServerHostname', 'servername', 'sni'],
];

/**
 * What the file says, `{ routes, settingsFor }`: whether each package is routed, with `defaultRoutes` for those it leaves
 * out, and what `setDefaultSettings` takes. Throws an error whose message names file and member.
 */
function loadConfiguration(file, defaultRoutes, env = process.env) {
  try {
    return parseConfiguration(parseJson(readText(file)), { folder: dirname(file), defaultRoutes, env });
  } catch (error) {
    throw Object.assign(new Error(`${file}: ${error.message}`), { code: error.code });
  }
}

/** Without the mark that some editors put in front. */
function readText(file) {
  return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
}

/** The parser's own message quotes what stands around the fault, which may be a passphrase. */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec(error.message)?.[1];
    if (position === undefined) throw new Error('is not valid JSON');
    const before = text.slice(0, Number(position)).split('\n');
    throw new Error(`is not valid JSON, at line ${before.length}, column ${before.at(-1).length + 1}`);
  }
}

function parseConfiguration(config, context) {
  expectObject(config, 'the file');
  expectMembers(config, MEMBERS, '');
  if (config.$schema !== undefined && typeof config.$schema !== 'string') {
    throw invalidType('$schema', 'a string', config.$schema);
  }
  const routes = parseRoutes(config.routes, context);
  const { parseBindingSettings } = require('../binding-settings.js');
  const base = withFiles(config.default ?? {}, 'default', context);
  const settings = parseBindingSettings(base, 'default');
  const hosts = parseHosts(config.hosts, base, context);
  const settingsFor = (host, port) => hosts.get(keyOf({ host, port })) ?? hosts.get(keyOf({ host })) ?? settings;
  return { routes, settingsFor };
}

function parseRoutes(routes = {}, { defaultRoutes }) {
  expectObject(routes, 'routes');
  expectMembers(routes, Object.keys(defaultRoutes), 'routes');
  for (const [name, wanted] of Object.entries(routes)) {
    if (typeof wanted !== 'boolean') throw invalidType(`routes.${name}`, 'a boolean', wanted);
  }
  return { ...defaultRoutes, ...routes };
}

function parseHosts(entries = {}, base, context) {
  expectObject(entries, 'hosts');
  const { parseBindingSettings } = require('../binding-settings.js');
  const { parseHostAndPort } = require('../network-policy.js');
  const hosts = new Map();
  for (const [name, entry] of Object.entries(entries)) {
    const field = `hosts[${JSON.stringify(name)}]`;
    const key = keyOf(parseHostAndPort(name, field));
    if (hosts.has(key)) throw invalidValue(field, 'is there before, under another spelling');
    hosts.set(key, parseBindingSettings(over(base, withFiles(entry, field, context)), field));
  }
  return hosts;
}

/** A host however it is spelled: `connect()` gives it as the application wrote it. */
function keyOf({ host, port }) {
  const { isIPv6, SocketAddress } = require('node:net');
  const name = host.toLowerCase().replace(/\.$/, '');
  const canonical = isIPv6(name) ? new SocketAddress({ address: name, family: 'ipv6' }).address : name;
  return `${canonical} ${port ?? ''}`;
}

/** An entry over the default: in TLS settings and in the network policy member by member. */
function over(base, entry) {
  const named = SYNONYMS.filter((names) => names.some((name) => name in (entry.tls ?? {}))).flat();
  const tls = Object.fromEntries(Object.entries(base.tls ?? {}).filter(([name]) => !named.includes(name)));
  return { ...base, ...entry, tls: { ...tls, ...entry.tls }, network: { ...base.network, ...entry.network } };
}

/** The settings of a binding, with what the files hold in place of their paths. */
function withFiles(config, field, context) {
  expectObject(config, field);
  refuseCode(config, CODE.config, field);
  if (config.network !== undefined) expectObject(config.network, `${field}.network`);
  if (config.tls === undefined) return config;
  expectObject(config.tls, `${field}.tls`);
  refuseCode(config.tls, CODE.tls, `${field}.tls`);
  const tls = { ...config.tls };
  for (const name of FILES) {
    if (tls[name] !== undefined) tls[name] = readPaths(tls[name], `${field}.tls.${name}`, context);
  }
  if (typeof tls.passphrase === 'object') {
    tls.passphrase = readSecret(tls.passphrase, `${field}.tls.passphrase`, context);
  }
  if (typeof tls.keyLogFile === 'string') tls.keyLogFile = resolve(context.folder, tls.keyLogFile);
  return { ...config, tls };
}

function readPaths(paths, field, context) {
  if (!Array.isArray(paths)) return readPath(paths, field, context);
  return paths.map((path, index) => readPath(path, `${field}[${index}]`, context));
}

/** PEM itself is taken too. */
function readPath(path, field, { folder }) {
  if (typeof path !== 'string') throw invalidType(field, 'a path or PEM', path);
  if (path.includes('-----BEGIN ')) return path;
  try {
    return readFileSync(resolve(folder, path));
  } catch (error) {
    // What stands in place of a path may be the secret itself.
    const isNamed = /\.(?:ca|cert)(?:\[|$)/.test(field) && !path.includes('\n');
    throw invalidValue(field, `cannot be read: ${error.code}${isNamed ? ` ${quote(resolve(folder, path))}` : ''}`);
  }
}

/** `{ env }` or `{ file }`, so that a passphrase need not stand in the configuration itself. */
function readSecret(source, field, context) {
  expectObject(source, field);
  const [[kind, name] = [], ...more] = Object.entries(source);
  if (more.length > 0 || (kind !== 'env' && kind !== 'file')) {
    throw invalidValue(field, 'must be a string, { "env": "NAME" } or { "file": "path" }');
  }
  if (typeof name !== 'string') throw invalidType(`${field}.${kind}`, 'a string', name);
  if (kind === 'file') return String(readPath(name, `${field}.file`, context)).replace(/\r?\n$/, '');
  const value = Object.hasOwn(context.env, name) ? context.env[name] : undefined;
  if (value === undefined) throw invalidValue(`${field}.env`, `names a variable that is not set: ${quote(name)}`);
  return value;
}

function refuseCode(object, names, field) {
  for (const name of names) {
    if (name in object) throw invalidValue(`${field}.${name}`, 'takes a function, which JSON has none of');
  }
}

module.exports = { loadConfiguration };
