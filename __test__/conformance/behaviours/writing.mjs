import { attempt, hold, order, outcome, outcomes, PATIENCE, readAll, reading } from '../observe.mjs';

const bytes = (text) => new TextEncoder().encode(text);

/** What the server got of these chunks, each with what became of its write. */
const writeAll = (chunks) => async (context) => {
  const { writer, peer } = await hold(context, 'sink');
  const writes = {};
  for (const [what, chunk] of Object.entries(chunks())) {
    writes[what] = await outcome(writer.write(chunk).then(() => 'taken'));
  }
  await writer.close();
  return { writes, received: (await peer.ended()).text };
};

/** A writer with a write that cannot finish. */
async function holdBlocked(context, options) {
  const held = await hold(context, 'silent', options);
  const blocked = held.writer.write(new Uint8Array(32 * 1024 * 1024));
  blocked.catch(() => {});
  return { ...held, blocked };
}

export default {
  'chunks of bytes': writeAll(() => ({
    Uint8Array: bytes('a'),
    'a part of one': bytes('xbx').subarray(1, 2),
    Uint16Array: new Uint16Array(bytes('cc').buffer),
    DataView: new DataView(bytes('xdx').buffer, 1, 1),
    ArrayBuffer: bytes('e').buffer,
    empty: new Uint8Array(0),
  })),
  'chunks of text': writeAll(() => ({ ASCII: 'a', 'not ASCII': 'é€', 'lone surrogate': '\ud800', empty: '' })),
  'chunks that are nothing': writeAll(() => {
    const given = new ArrayBuffer(8);
    structuredClone(given, { transfer: [given] });
    return { undefined, detached: given, after: 'on' };
  }),
  'chunks that are no bytes': writeAll(() => ({ number: 5, null: null, object: {}, array: [104], after: 'on' })),

  'a buffer that is changed after write()': async (context) => {
    const { writer, peer } = await hold(context, 'sink');
    const chunk = bytes('before');
    const write = writer.write(chunk);
    chunk.fill(120);
    await write;
    return { length: chunk.byteLength, received: (await peer.received(6)).text };
  },

  'writes that are not awaited': async (context) => {
    const { writer, peer } = await hold(context, 'sink');
    const letters = [...'abcdefghij'];
    const settled = await order(Object.fromEntries(letters.map((letter) => [letter, writer.write(bytes(letter))])));
    return {
      settled: settled.length,
      inOrder: settled.join().replace(/ resolved,?/g, ''),
      ...(await received(peer, 10)),
    };
  },

  'a write that the peer does not read': async (context) => {
    const { blocked } = await holdBlocked(context);
    return outcome(blocked, PATIENCE);
  },

  'ready while a write waits': async (context) => {
    const { writer } = await holdBlocked(context, { highWaterMark: 1024 });
    return { desiredSize: writer.desiredSize < 0, ready: await outcome(writer.ready, PATIENCE) };
  },

  'writer.close()': async (context) => {
    const { socket, peer, reader, writer } = await hold(context, 'halfOpen', { allowHalfOpen: true });
    writer.write(bytes('last'));
    const close = await outcome(writer.close());
    const { ending, text } = await peer.ended();
    return {
      close,
      ending,
      received: text,
      closed: await outcome(socket.closed, PATIENCE),
      answer: await readAll(reader),
    };
  },

  'after writer.close()': async (context) => {
    const { writer } = await hold(context, 'sink');
    await writer.close();
    const late = await outcomes({ write: writer.write(bytes('x')), close: writer.close(), closed: writer.closed });
    return { ...late, desiredSize: writer.desiredSize };
  },

  'releaseLock() after writer.close()': async (context) => {
    const { socket, writer } = await hold(context, 'sink');
    await writer.close();
    writer.releaseLock();
    return { locked: socket.writable.locked, getWriter: attempt(() => typeof socket.writable.getWriter()) };
  },

  'abort()': async (context) => {
    const { socket, peer, writer } = await hold(context, 'sink');
    const aborted = await outcome(writer.abort('my reason'));
    const late = await outcomes({ write: writer.write(bytes('x')) });
    return { aborted, ...late, peer: await peer.ending(), closed: await outcome(socket.closed, PATIENCE) };
  },

  'abort() while a write waits': async (context) => {
    const { writer, blocked } = await holdBlocked(context);
    return outcomes({ abort: writer.abort('my reason'), blocked });
  },

  'abort() and reading on': async (context) => {
    const { reader, writer } = await hold(context, 'greeter');
    await writer.abort('my reason');
    return reading(reader.read());
  },

  'abort() and then close()': async (context) => {
    const { socket, peer, writer } = await hold(context, 'sink');
    await writer.abort('my reason');
    const settled = await outcomes({ close: socket.close(), closed: socket.closed });
    const ending = await peer.ending();
    return { ...settled, peer: ending === 'nothing' ? ending : 'the end' };
  },

  'a released writer': async (context) => {
    const { writer } = await hold(context, 'sink');
    writer.releaseLock();
    return {
      ...(await outcomes({ write: writer.write(bytes('x')), close: writer.close(), closed: writer.closed })),
      desiredSize: attempt(() => writer.desiredSize),
    };
  },
};

async function received(peer, count) {
  const { text } = await peer.received(count);
  return { received: text };
}
