// Where the package means to differ from workerd: what is seen here instead, and why. docs/differences.md tells it to users.

export const differences = {
  'address: a record with an empty hostname': {
    reason: 'an empty name cannot be meant: said at once',
    outcome: { empty: 'threw: TypeError' },
  },
  'options: secureTransport "use"': {
    reason: 'the name that the first announcement gave to "on"',
    outcome: { use: 'on' },
  },
  'options: desiredSize without highWaterMark': {
    reason: 'back-pressure is counted in bytes, 64 KiB by default',
    outcome: { none: 65536 },
  },
  'options: sni and alpn that cannot be used': {
    reason: 'the options of the draft are honoured, so a mistake in them is told, in every mode',
    outcome: { sni: 'threw: TypeError', alpn: 'threw: TypeError', 'with "off"': 'threw: TypeError' },
  },
  'options: the order in which members are read': {
    reason: 'there are more members',
    outcome: ['secureTransport', 'allowHalfOpen', 'highWaterMark', 'sni', 'alpn', 'signal', 'tls', 'lookup'],
  },
  'shape: await using': { reason: 'leaving the block closes the socket', outcome: 'function' },
  'shape: structuredClone()': { reason: 'Node clones any object that it does not know as a plain one', outcome: '{}' },
  'opening: the members of that value': {
    reason: 'what is known of the connection is told',
    outcome: {
      names: ['remoteAddress', 'localAddress', 'alpn', 'peerAddress', 'tlsVersion', 'cipher', 'peerCertificate'],
      localAddress: 'string',
    },
  },
  'reading: a BYOB read into elements of two bytes': {
    reason: 'Streams standard: a view of the class that was given',
    outcome: { done: false, kind: 'Uint16Array', text: 'abcd', offset: 0, memory: 4 },
  },
  'reading: a read with a minimum that the end prevents': {
    reason: 'Streams standard: what is left comes with the end',
    outcome: { done: true, kind: 'Uint8Array', text: 'bye', offset: 0, memory: 8 },
  },
  'reading: two reads that are pending': { reason: 'Streams standard: reads queue', outcome: ['hello', 'pending'] },
  'reading: releaseLock() while a read is pending': {
    reason: 'Streams standard: the read rejects, and its bytes are left to the next reader',
    outcome: { released: 'returned', read: 'rejected: TypeError' },
  },
  'reading: cancel() while a read is pending': {
    reason: 'Streams standard: it is done',
    outcome: { cancelled: 'resolved', read: 'done' },
  },
  'reading: cancel() and then writer.close()': {
    reason: 'both sides have ended',
    outcome: { close: 'resolved', peer: 'FIN', closed: 'resolved' },
  },
  'writing: releaseLock() after writer.close()': {
    reason: 'Streams standard: closing takes no lock',
    outcome: { locked: false, getWriter: 'object' },
  },
  'writing: abort()': {
    reason: 'Streams standard: later writes reject with the reason',
    outcome: { aborted: 'resolved', write: 'rejected: "my reason"', peer: 'nothing', closed: 'pending' },
  },
  'writing: abort() and then close()': {
    reason: 'both sides are given up: the connection is dropped',
    outcome: { close: 'resolved', closed: 'resolved', peer: 'the end' },
  },
  'closing: close() with locks held, and its order': {
    reason: 'Streams standard: a writable that was closed has not failed',
    outcome: ['reader resolved', 'closed resolved', 'close resolved', 'writer resolved'],
  },
  'closing: close() before the connection is up, with nothing queued': {
    reason: 'nothing to wait for: given up at once',
    outcome: { opened: 'rejected: SocketError', close: 'resolved', closed: 'resolved' },
  },
  'closing: close() while a read is pending': {
    reason: 'Streams standard: as for a cancelled stream',
    outcome: { read: 'done', closed: 'resolved' },
  },
  'closing: close() while a BYOB read is pending': {
    reason: 'Streams standard: as for a cancelled stream',
    outcome: 'done',
  },
  'closing: reads after close()': {
    reason: 'Streams standard: as for a cancelled stream',
    outcome: { atOnce: 'done', later: 'done' },
  },
  'closing: writes after close()': {
    reason: 'Streams standard: a writable that was closed has not failed',
    outcome: { atOnce: 'rejected: TypeError', later: 'rejected: TypeError', closed: 'resolved' },
  },
  'closing: streams taken after close()': {
    reason: 'Streams standard: as for a cancelled stream',
    outcome: { getReader: 'object', getWriter: 'object', read: 'done', write: 'rejected: TypeError' },
  },
  'closing: close() with data unread': {
    reason: 'a reset could destroy what was just sent',
    outcome: { close: 'resolved', peer: 'FIN' },
  },
  'closing: close() with a reason': {
    reason: 'the draft: the reason is handed to both streams',
    outcome: { close: 'resolved', closed: 'rejected: "my reason"', read: 'rejected: "my reason"' },
  },
  'closing: close() during a handshake that is not answered': {
    reason: 'nothing queued: given up at once',
    outcome: { close: 'resolved', closed: 'resolved' },
  },
  'closing: the end of both sides, with allowHalfOpen': { reason: 'both sides have ended', outcome: 'resolved' },
  'closing: cancel() and abort()': { reason: 'both sides are given up', outcome: 'resolved' },
  'failing: a refused connection has one reason': { reason: 'one failure, one error', outcome: true },
  'failing: the order in which that settles': {
    reason: 'no order is promised, except that opened comes first',
    outcome: ['opened rejected', 'closed rejected', 'read rejected', 'write rejected'],
  },
  'failing: streams taken after a connection is refused': {
    reason: 'a failed connection never looks like an ended one',
    outcome: { read: 'rejected: SocketError', write: 'rejected: SocketError' },
  },
  'failing: close() while a connection is refused': {
    reason: 'nothing queued: given up at once, which is no failure',
    outcome: { opened: 'rejected: SocketError', close: 'resolved', closed: 'resolved' },
  },
  'failing: a reset that a waiting write meets': {
    reason: 'a failed connection never looks like an ended one',
    outcome: {
      write: 'rejected: SocketError',
      closed: 'resolved',
      next: 'rejected: SocketError',
      read: 'rejected: SocketError',
    },
  },
  'startTls: while a writer is held': {
    reason: 'nothing is left pending',
    outcome: { opened: 'rejected: SocketError', closed: 'rejected: SocketError', goesOn: 'resolved' },
  },
  'startTls: while a reader is held': {
    reason: 'nothing is left pending',
    outcome: { opened: 'rejected: SocketError', closed: 'rejected: SocketError', goesOn: 'RTTLS\n' },
  },
  'startTls: an end without close_notify': {
    reason: 'the end could be forged',
    outcome: { reads: ['bye', 'rejected: SocketError'], closed: 'resolved' },
  },
  'startTls: of a connection that is refused': {
    reason: 'nothing is left pending',
    outcome: { opened: 'rejected: SocketError', closed: 'rejected: SocketError' },
  },
  'tls: the option alpn': { reason: 'the draft defines it', outcome: { opened: 'h2', server: 'h2' } },
  'tls: the option sni': { reason: 'the draft defines it', outcome: { opened: 'opened', server: 'db.test' } },
  'tls: close() says close_notify': {
    reason: 'without it the peer cannot tell the end from a cut connection',
    outcome: true,
  },
  'interop: the end through Response': {
    reason: 'the end is an end, whoever reads it',
    outcome: { read: 'bye', closed: 'resolved', peer: 'FIN' },
  },
  'interop: the end through tee()': {
    reason: 'the end is an end, whoever reads it',
    outcome: { read: 'bye,bye', closed: 'resolved', peer: 'FIN' },
  },
  'interop: the end through a pipe into the same socket': {
    reason: 'both sides have ended',
    outcome: { read: 'resolved', closed: 'resolved', peer: 'FIN' },
  },
  'interop: a pipe of a number': {
    reason: 'Streams standard: what cannot be written fails the pipe',
    outcome: 'rejected: TypeError',
  },
};
