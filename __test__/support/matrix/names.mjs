// Whom a certificate is for.

import { checkServerIdentity } from 'node:tls';
import { plainField } from '../der.mjs';
import { byRoot, HOST, leaf, trusted } from './make.mjs';

const WRONG = 'ERR_TLS_CERT_ALTNAME_INVALID';
const manyNames = (count) => [...Array.from({ length: count - 1 }, (_, index) => `n${index}.example.test`), HOST];

// Not every release of Node matches IPv6 addresses; 22.23 does not.
const loopback = { subject: {}, subjectaltname: 'IP Address:0:0:0:0:0:0:0:1' };
const ipv6InNode =
  checkServerIdentity('::1', loopback) === undefined ? {} : { node: WRONG, why: 'a fault of this Node' };

export const names = [
  { what: 'for another name', make: byRoot({ names: ['other.test'] }), code: WRONG },
  {
    what: 'without alternative names',
    make: byRoot({ names: [], subject: HOST }),
    code: WRONG,
    node: null,
    why: 'the common name of a certificate that somebody else issued does not count',
  },
  { what: 'without a common name', make: byRoot({ subject: '' }), code: null },
  { what: 'without any name', make: byRoot({ subject: '', names: [] }), code: WRONG },
  { what: 'whose common name alone is right', make: byRoot({ names: ['other.test'], subject: HOST }), code: WRONG },
  { what: 'for the name in capitals', make: byRoot({ names: ['SERVER.Test'] }), code: null },
  { what: 'asked for in capitals', make: byRoot({}, 'SERVER.Test'), code: null },
  { what: 'asked for with a final dot', make: byRoot({}, `${HOST}.`), code: null },
  {
    what: 'for the name with a final dot',
    make: byRoot({ names: [`${HOST}.`] }),
    code: WRONG,
    node: null,
    why: 'certificates write names without the dot (RFC 5280)',
  },
  { what: 'for one of 1,000 names', make: byRoot({ names: manyNames(1000) }), code: null },
  { what: 'for none of its 999 names', make: byRoot({ names: manyNames(1000).slice(0, -1) }), code: WRONG },
  {
    what: 'for 10,000 names, more than is read',
    make: byRoot({ names: manyNames(10_000) }),
    code: 'ERR_SOCKET_TLS_PROTOCOL',
    node: 'ERR_SSL_EXCESSIVE_MESSAGE_SIZE',
    why: 'what breaks the protocol has one code',
  },
  { what: 'for a punycode name', make: byRoot({ names: ['xn--bcher-kva.test'] }, 'xn--bcher-kva.test'), code: null },
  {
    what: 'for a name that is not ASCII',
    make: byRoot({ names: [{ dns: 'b\xfccher.test' }] }, 'xn--bcher-kva.test'),
    code: WRONG,
  },
  { what: 'for a name with an underscore', make: byRoot({ names: ['my_db.test'] }, 'my_db.test'), code: null },
  { what: 'for the name and a NUL', make: byRoot({ names: [{ dns: `${HOST}\0.other.test` }] }), code: WRONG },
  { what: 'by a wildcard', make: byRoot({ names: ['*.example.test'] }, 'a.example.test'), code: null },
  {
    what: 'by a wildcard, two labels below',
    make: byRoot({ names: ['*.example.test'] }, 'a.b.example.test'),
    code: WRONG,
  },
  { what: 'by a wildcard, for its parent', make: byRoot({ names: ['*.example.test'] }, 'example.test'), code: WRONG },
  {
    what: 'by a wildcard, for a punycode label',
    make: byRoot({ names: ['*.example.test'] }, 'xn--bcher-kva.example.test'),
    code: null,
  },
  { what: 'by a bare wildcard', make: byRoot({ names: ['*'] }, 'localhost'), code: WRONG },
  { what: 'by a wildcard right below the top', make: byRoot({ names: ['*.test'] }), code: WRONG },
  {
    what: 'by a wildcard that is part of a label',
    make: byRoot({ names: ['s*.example.test'] }, 'server.example.test'),
    code: WRONG,
    node: null,
    why: 'a wildcard is a whole label (RFC 9525)',
  },
  { what: 'by a wildcard in the second label', make: byRoot({ names: ['a.*.test'] }, 'a.b.test'), code: WRONG },
  { what: 'by two wildcards', make: byRoot({ names: ['*.*.example.test'] }, 'a.b.example.test'), code: WRONG },
  { what: 'for an IPv4 address', make: byRoot({ names: ['127.0.0.1'] }, '127.0.0.1'), code: null },
  { what: 'for another IPv4 address', make: byRoot({ names: ['127.0.0.2'] }, '127.0.0.1'), code: WRONG },
  { what: 'for an IPv6 address', make: byRoot({ names: ['2001:db8::7'] }, '2001:db8::7'), code: null, ...ipv6InNode },
  {
    what: 'for an IPv6 address in another spelling',
    make: byRoot({ names: ['2001:db8::7'] }, '2001:DB8:0:0::7'),
    code: null,
    ...ipv6InNode,
  },
  { what: 'for another IPv6 address', make: byRoot({ names: ['2001:db8::8'] }, '2001:db8::7'), code: WRONG },
  {
    what: 'for an address written as a name',
    make: byRoot({ names: [{ dns: '127.0.0.1' }] }, '127.0.0.1'),
    code: WRONG,
  },
  {
    what: 'for an address as its common name',
    make: byRoot({ names: ['other.test'], subject: '127.0.0.1' }, '127.0.0.1'),
    code: WRONG,
  },
  { what: 'for a name, reached by address', make: byRoot({}, '127.0.0.1'), code: WRONG },
  { what: 'for an address, reached by name', make: byRoot({ names: ['127.0.0.1'] }), code: WRONG },
  {
    what: 'whose names include a mail address and a URI',
    make: byRoot({
      names: [
        { other: plainField(1, Buffer.from(`admin@${HOST}`)) },
        { other: plainField(6, Buffer.from(`spiffe://${HOST}/db`)) },
        HOST,
      ],
    }),
    code: null,
  },
  { what: 'trusted itself, for another name', make: trusted({ names: ['other.test'] }), code: WRONG },
  { what: 'trusted itself, with a common name alone', make: trusted({ names: [], subject: HOST }), code: null },
  {
    what: 'trusted itself, another common name alone',
    make: trusted({ names: [], subject: 'other.test' }),
    code: WRONG,
  },
  {
    what: 'for another name, by nobody who is known',
    make: (pki) => ({ chain: [leaf(pki.stranger, { names: ['other.test'] })] }),
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  },
];
