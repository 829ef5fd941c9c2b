'use strict';
// Native TLS configurations, built once per distinct settings: parsing the trust anchors takes a millisecond, and
// session tickets live inside one.

const { invalidValue } = require('./errors.js');
const { TlsContext, TrustStore } = require('./native.js');
const { digestTlsSettings } = require('./tls-options.js');
const { defaultTrust } = require('./trust.js');

const CACHE_SIZE = 64;
/** By the identity of the frozen arrays that parsing hands out. */
const trustStores = new WeakMap();

/** The configuration of settings, from the `contexts` of the host's settings that they are over, or made and put there. */
function contextFor(settings, contexts) {
  const trust = settings.ca ?? defaultTrust();
  const id = `${digestTlsSettings(settings)} ${settings.sni}`;
  let entry = contexts.get(id);
  // The default trust can change while the program runs.
  if (entry?.trust !== trust) entry = { trust, context: build(settings, trust) };
  contexts.delete(id);
  contexts.set(id, entry);
  if (contexts.size > CACHE_SIZE) contexts.delete(contexts.keys().next().value);
  return entry.context;
}

function build(settings, trust) {
  if (!trustStores.has(trust)) trustStores.set(trust, new TrustStore(trust));
  const all = {
    cert: settings.cert ?? undefined,
    key: settings.key ?? undefined,
    alpn: settings.alpn,
    rejectUnauthorized: settings.rejectUnauthorized,
    checkName: settings.checkServerIdentity === null,
    sni: settings.sni,
    tls12: settings.minVersion === 'TLSv1.2',
    tls13: settings.maxVersion === 'TLSv1.3',
    keyLogFile: settings.keyLogFile ?? undefined,
  };
  try {
    return new TlsContext(trustStores.get(trust), all);
  } catch (error) {
    // Checked before, but for what has changed since: a folder of the key log that is gone.
    throw invalidValue('tls', `cannot be used: ${error.message}`);
  }
}

module.exports = { contextFor };
