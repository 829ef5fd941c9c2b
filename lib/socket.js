'use strict';

const { Connection } = require('./connection.js');
const diagnostics = require('./diagnostics.js');
const { networkDenied } = require('./errors.js');
const { defaultSettings } = require('./host-settings.js');
const { lazily } = require('./lazily.js');
const { Lifecycle } = require('./lifecycle.js');
const { parseConnectArguments, parseHostedTls } = require('./options.js');
const { isNetworkDenied } = require('./permission.js');

const tlsContext = lazily(() => require('./tls-context.js'));

/** Only this module makes sockets; for everybody else the constructor is illegal, as in the reference. */
const TOKEN = Symbol('winter-sockets');

/** The Lifecycle of a socket of ours, null of anything else. */
let lifecycleOf;

class Socket {
  #lifecycle;
  /** `{ tls, hostSettings }`: what `startTls()` starts from. */
  #security;

  static {
    lifecycleOf = (value) =>
      typeof value === 'object' && value !== null && #lifecycle in value ? value.#lifecycle : null;
  }

  constructor(token, lifecycle, security) {
    if (token !== TOKEN) throw new TypeError('Illegal constructor');
    this.#lifecycle = lifecycle;
    this.#security = security;
    lifecycle.socket = this;
  }

  get readable() {
    return this.#lifecycle.readable;
  }

  get writable() {
    return this.#lifecycle.writable;
  }

  get opened() {
    return this.#lifecycle.opened;
  }

  get closed() {
    return this.#lifecycle.closed;
  }

  get upgraded() {
    return this.#lifecycle.state === 'upgraded';
  }

  get secureTransport() {
    return this.#lifecycle.settings.secureTransport;
  }

  // The reference's methods have no formal parameters.
  close(...[reason]) {
    if (reason === undefined) return this.#lifecycle.close();
    this.#lifecycle.abort(reason);
    return Promise.resolve();
  }

  startTls(...[options]) {
    const { settings } = this.#lifecycle;
    const next = new Lifecycle({ ...settings, secureTransport: 'on' });
    this.#lifecycle.upgrade(next, () => {
      const { tls, hostSettings } = this.#security;
      const context = { hostname: settings.target.host, defaults: tls, hostSettings };
      return withContext(parseHostedTls(options, context), hostSettings);
    });
    const upgraded = new Socket(TOKEN, next, null);
    if (diagnostics.upgrade.hasSubscribers) diagnostics.upgrade.publish({ socket: this, upgraded });
    return upgraded;
  }

  ref() {
    this.#lifecycle.connection?.reference(true);
    return this;
  }

  unref() {
    this.#lifecycle.connection?.reference(false);
    return this;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

// As Web IDL lays it out: the members of the API are enumerable, additions are not.
for (const name of ['readable', 'writable', 'opened', 'closed', 'upgraded', 'secureTransport', 'close', 'startTls']) {
  Object.defineProperty(Socket.prototype, name, { enumerable: true });
}
Object.defineProperty(Socket.prototype, Symbol.toStringTag, { value: 'Socket', configurable: true });

function connect(address, options) {
  return openSocket(defaultSettings, address, options);
}

/** `connect()` under the host's settings that `settingsFor(host, port)` gives. */
function openSocket(settingsFor, address, options) {
  const parsed = parseConnectArguments(address, options, settingsFor);
  const { host, port, text, lookup, ownLookup, secureTransport, allowHalfOpen, highWaterMark } = parsed;
  const { signal, tls, hostSettings } = parsed;
  const { closeTimeout, terms } = hostSettings;
  const target = { host, port, text, lookup, ownLookup };
  const lifecycle = new Lifecycle({ target, secureTransport, allowHalfOpen, highWaterMark, closeTimeout });
  const socket = new Socket(TOKEN, lifecycle, { tls, hostSettings });
  if (diagnostics.connecting.hasSubscribers) diagnostics.connecting.publish({ socket, address: text });
  if (signal?.aborted) {
    lifecycle.failBeforeOpen(signal.reason);
    return socket;
  }
  if (isNetworkDenied()) {
    lifecycle.failBeforeOpen(networkDenied(target));
    return socket;
  }
  const connection = new Connection(target, {
    lifecycle,
    tls: secureTransport === 'on' ? withContext(tls, hostSettings) : null,
    terms,
  });
  const aborted = () => connection.abort(signal.reason);
  lifecycle.attach(connection, () => signal?.removeEventListener('abort', aborted));
  signal?.addEventListener('abort', aborted);
  return socket;
}

/** TLS settings with the native configuration made from them. */
function withContext(settings, { contexts }) {
  return { settings, context: tlsContext().contextFor(settings, contexts) };
}

module.exports = { Socket, connect, lifecycleOf, openSocket };
