// The proof that pg's connections went through the addon: the server and the addon name the same client port, they agree
// on TLS, and the certificate the addon saw is the one the server was given.

/** Throws unless every connection is proven. */
export function proveRoutes(connections, certificate) {
  const missing = connections.filter(({ native }) => native === null);
  if (missing.length > 0) {
    throw new Error(
      `pg did not take the native route: the server counts ${connections.length} connections, ` +
        `${missing.length} of them unknown to the addon (client ports ${missing.map(({ server }) => server.port).join(', ')})`,
    );
  }
  for (const { server, native } of connections) {
    const port = `client port ${server.port}`;
    if (server.tls !== (native.tlsVersion !== null)) throw new Error(`server and addon differ on TLS at ${port}`);
    if (server.tls !== (certificate !== null)) throw new Error(`${server.tls ? 'unwanted' : 'no'} TLS at ${port}`);
    if (certificate !== null && !Buffer.from(certificate).equals(native.peerCertificate)) {
      throw new Error(`another certificate than the server's at ${port}`);
    }
  }
}
