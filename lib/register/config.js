'use strict';
// The preload's configuration: a JSON file with what the host sets for the connections of a program that knows nothing of
// it. docs/bindings.md describes it, config.schema.json tells editors of it.

const { readFileSync } = require('node:fs');
const { dirname, resolve } = require('node:path');

const { invalidType, invalidValue } = require('../errors.js');

const VARIABLE = 'WINTER_SOCKETS_CONFIG';
const MEMBERS = ['$schema', 'default', 'hosts', 'routes'];
const ROUTES = { pg: true, postgres: false };
/** Members of TLS settings that are paths here, of files with what they are elsewhere. */
const FILES = ['ca', 'cert', 'key'];
/** What takes a function, which JSON has none of. */
const CODE = { config: ['lookup'], tls: ['checkServerIdentity'] };

/**
 * What the file says, `{ routes, settingsFor }`: whether each package is routed, and what `setDefaultSettings` takes, or null
 * for `settingsFor` where there is no file. Throws an error whose message names file and member.
 */
function loadConfiguration(env = process.env) {
  const file = env[VARIABLE];
  if (!file) return { routes: ROUTES, settingsFor: null };
  try {
    return parseConfiguration(JSON.parse(readText(file)), { folder: dirname(resolve(file)), env });
  } catch (error) {
    throw Object.assign(new Error(`${resolve(file)}: ${error.message}`, { cause: error }), { code: error.code });
  }
}

/** Without the mark that some editors put in front. */
function readText(file) {
  return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
}

function parseConfiguration(config, context) {
  expectObject(config, 'the file');
  refuseUnknown(config, MEMBERS, '');
  const routes = parseRoutes(config.routes);
  const { parseBindingSettings } = require('../binding-settings.js');
  const { parseHostAndPort } = require('../network-policy.js');
  const base = withFiles(config.default ?? {}, 'default', context);
  const settings = parseBindingSettings(base, 'default');
  const hosts = new Map();
  if (config.hosts !== undefined) expectObject(config.hosts, 'hosts');
  for (const [name, entry] of Object.entries(config.hosts ?? {})) {
    const field = `hosts[${JSON.stringify(name)}]`;
    const key = keyOf(parseHostAndPort(name, field));
    if (hosts.has(key)) throw invalidValue(field, 'is there before, under another spelling');
    const own = withFiles(entry, field, context);
    hosts.set(key, parseBindingSettings({ ...base, ...own, tls: { ...base.tls, ...own.tls } }, field));
  }
  const settingsFor = (host, port) => hosts.get(keyOf({ host, port })) ?? hosts.get(keyOf({ host })) ?? settings;
  return { routes, settingsFor };
}

function parseRoutes(routes = {}) {
  expectObject(routes, 'routes');
  refuseUnknown(routes, Object.keys(ROUTES), 'routes.');
  for (const [name, wanted] of Object.entries(routes)) {
    if (typeof wanted !== 'boolean') throw invalidType(`routes.${name}`, 'a boolean', wanted);
  }
  return { ...ROUTES, ...routes };
}

/** A host however it is spelled: `connect()` gives it as the application wrote it. */
function keyOf({ host, port }) {
  const name = host.toLowerCase().replace(/\.$/, '');
  const { isIPv6, SocketAddress } = require('node:net');
  const canonical = isIPv6(name) ? new SocketAddress({ address: name, family: 'ipv6' }).address : name;
  return `${canonical} ${port ?? ''}`;
}

/** The settings of a binding, with what the files hold in place of their paths. */
function withFiles(config, field, context) {
  expectObject(config, field);
  refuseCode(config, CODE.config, field);
  if (config.tls === undefined) return { ...config };
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

/** PEM itself is taken too: its first line can be no path that anybody uses. */
function readPath(path, field, { folder }) {
  if (typeof path !== 'string') throw invalidType(field, 'a path or PEM', path);
  if (path.startsWith('-----BEGIN ')) return path;
  try {
    return readFileSync(resolve(folder, path));
  } catch (error) {
    throw invalidValue(field, `cannot be read: ${error.code} ${resolve(folder, path)}`);
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
  if (context.env[name] === undefined) throw invalidValue(`${field}.env`, `names a variable that is not set: ${name}`);
  return context.env[name];
}

function refuseCode(object, names, field) {
  for (const name of names) {
    if (name in object) throw invalidValue(`${field}.${name}`, 'takes a function, which JSON has none of');
  }
}

function refuseUnknown(object, known, prefix) {
  for (const name of Object.keys(object)) {
    if (!known.includes(name)) throw invalidValue(`${prefix}${name}`, `is no setting; there are ${known.join(', ')}`);
  }
}

function expectObject(value, field) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw invalidType(field, 'an object', value);
}

module.exports = { VARIABLE, loadConfiguration };
