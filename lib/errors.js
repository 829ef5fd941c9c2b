'use strict';
// Every error is built here. The codes are listed in docs/errors.md.

/** A failure of the network or of TLS, or a call that the state of the socket does not allow. */
class SocketError extends TypeError {
  constructor(message, { code, cause, ...fields } = {}) {
    super(`SocketError: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, fields);
  }
}

// As on Node's own errors: a property of the prototype, so that it does not show among the fields.
Object.defineProperty(SocketError.prototype, 'name', { value: 'SocketError', configurable: true, writable: true });

/** What the native side reported, told of the target it was meant for. */
function fromNative({ code, syscall, message, alert, attempts }, { host, port, text }) {
  const [main] = attempts;
  const fields = { code, syscall, address: main?.address ?? host, port: main?.port ?? port };
  if (alert !== undefined && alert !== null) fields.alert = alert;
  if (attempts.length > 0) fields.errors = attempts;
  return new SocketError(main ? message : `${message} (${text})`, fields);
}

/** The lookup of the application's own failed; its error is the cause. */
function lookupFailed(cause, { host, port }) {
  const code = typeof cause?.code === 'string' ? cause.code : 'ENOTFOUND';
  return new SocketError(`getaddrinfo ${code} ${host}`, { code, syscall: 'getaddrinfo', address: host, port, cause });
}

/** `checkServerIdentity` refused the certificate; what it returned or threw is the cause. */
function identityRefused(cause, { host, port, text }) {
  const code = typeof cause?.code === 'string' ? cause.code : 'ERR_TLS_CERT_ALTNAME_INVALID';
  const message = `the server's identity was refused: ${cause?.message ?? cause} (${text})`;
  return new SocketError(message, { code, syscall: 'handshake', address: host, port, cause });
}

/** A call that the state of the socket does not allow. */
function badState(message) {
  return new SocketError(message, { code: 'ERR_SOCKET_BAD_STATE' });
}

/** Both directions were given up while the connection was not up yet. */
function closedBeforeOpen({ host, port, text }) {
  const message = `the socket was closed before the connection was up (${text})`;
  return new SocketError(message, { code: 'ERR_SOCKET_CLOSED_BEFORE_OPEN', syscall: 'connect', address: host, port });
}

/** Plaintext that nobody has read stands where the TLS handshake should begin. */
function injected({ host, port, text }) {
  const message = `unread plaintext was waiting when the upgrade to TLS began (${text})`;
  return new SocketError(message, { code: 'ERR_SOCKET_STARTTLS_INJECTION', syscall: 'handshake', address: host, port });
}

/** What writing to a closed stream rejects with, as in the Streams standard a plain TypeError. */
function writableClosed() {
  return Object.assign(new TypeError('Invalid state: WritableStream is closed'), { code: 'ERR_INVALID_STATE' });
}

/** What a read that waits rejects with when its reader lets go of the stream, as in the Streams standard a plain TypeError. */
function releasedReader() {
  return Object.assign(new TypeError('Invalid state: Releasing reader'), { code: 'ERR_INVALID_STATE' });
}

/** What Node says of a write to a socket that the peer has ended. */
function endedByPeer() {
  return new SocketError('This socket has been ended by the other party', { code: 'EPIPE', syscall: 'write' });
}

/** What Node says of a write to a stream that is destroyed. */
function streamDestroyed() {
  const message = 'Cannot call write after a stream was destroyed';
  return Object.assign(new Error(message), { code: 'ERR_STREAM_DESTROYED' });
}

/** What stands for the reason of an abort where that has to be an error and is nothing of the kind. Name and code are Node's. */
function aborted(cause) {
  return Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' });
}

/** A method of Node's that cannot have its effect here. */
function unsupported(method, reason) {
  return Object.assign(new Error(`${method} is not available: ${reason}`), { code: 'ERR_METHOD_NOT_IMPLEMENTED' });
}

/** A number outside what makes sense, as Node tells it. */
function outOfRange(field, problem) {
  return Object.assign(new RangeError(`"${field}" ${problem}`), { code: 'ERR_OUT_OF_RANGE' });
}

/** The addon is not there, or not for this platform. */
function nativeMissing(cause) {
  const message = `winter-sockets has no native addon for ${process.platform}-${process.arch} here: run "npm rebuild winter-sockets" with a Rust toolchain installed to build it.`;
  return Object.assign(new Error(message, { cause }), { code: 'ERR_SOCKET_NATIVE_MISSING' });
}

/** This process may load no addon. The code is Node's. */
function nativeDenied(cause) {
  const message =
    'winter-sockets is a native addon, and this process may load none: start node with --allow-addons where --permission is given, and without --no-addons.';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_DLOPEN_DISABLED' });
}

/** Node's permission model keeps this process from the network. Code and words are Node's. */
function networkDenied({ host, port, text }) {
  const message = `connect ERR_ACCESS_DENIED Access to this API has been restricted. Use --allow-net to manage permissions. (${text})`;
  return new SocketError(message, { code: 'ERR_ACCESS_DENIED', syscall: 'connect', address: host, port });
}

/** The preload may not start the thread it needs on this Node. The code is Node's. */
function threadDenied(cause) {
  const message =
    'winter-sockets/register needs a thread of its own on Node before 22.15: start node with --allow-worker and --allow-addons where --permission is given.';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_ACCESS_DENIED' });
}

/** An argument of the wrong type. Tells the kind of what was received, never the value: it may be a passphrase. */
function invalidType(field, expected, received) {
  return misuse('ERR_INVALID_ARG_TYPE', `"${field}" must be ${expected}; received ${kindOf(received)}`);
}

/** An argument of the right type with a value that cannot be used. */
function invalidValue(field, problem) {
  return misuse('ERR_INVALID_ARG_VALUE', `"${field}" ${problem}`);
}

function misuse(code, message) {
  return Object.assign(new TypeError(message), { code });
}

function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** A value in a message: quoted, and cut where a whole file was passed. */
function quote(text) {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

module.exports = {
  SocketError,
  aborted,
  badState,
  closedBeforeOpen,
  endedByPeer,
  fromNative,
  identityRefused,
  injected,
  invalidType,
  invalidValue,
  lookupFailed,
  nativeDenied,
  nativeMissing,
  networkDenied,
  outOfRange,
  quote,
  releasedReader,
  streamDestroyed,
  threadDenied,
  unsupported,
  writableClosed,
};
