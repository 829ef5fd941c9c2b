// The API itself, without a driver: PostgreSQL's own STARTTLS, spoken by hand.

// A length of 8, then the code that asks for TLS.
const sslRequest = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** Upgrades a connection with `connect()` and `startTls()`; resolves to what `opened` tells of it. */
export async function upgradeByHand({ host, port, ssl }) {
  // Not loaded with the file: the session over node:net works without the addon.
  const { connect } = await import('winter-sockets');
  const socket = connect({ hostname: host, port }, { secureTransport: 'starttls' });

  const writer = socket.writable.getWriter();
  await writer.write(sslRequest);
  writer.releaseLock();

  const reader = socket.readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  if (value?.[0] !== 'S'.charCodeAt()) throw new Error('the server does not offer TLS');

  const secure = socket.startTls({ expectedServerHostname: host, ca: ssl.ca });
  const { tlsVersion, cipher, peerAddress } = await secure.opened;
  await secure.close();
  return { tlsVersion, cipher, peerAddress };
}
