import { attempt, exchange, hold, NOT_HERE, open, outcome, PATIENCE, readAll, reading } from '../observe.mjs';

/** A socket and a BYOB reader of it. */
async function holdBytes(context, kind) {
  const { socket, peer } = await open(context, kind);
  return { socket, peer, reader: socket.readable.getReader({ mode: 'byob' }) };
}

const describe = async (read) => {
  const { value, done } = await read;
  const kind = value?.constructor.name;
  return {
    done,
    kind,
    text: new TextDecoder().decode(value),
    offset: value?.byteOffset,
    memory: value?.buffer.byteLength,
  };
};

/** Some releases of Node take no notice of it. */
function hasMin() {
  let read = false;
  const probe = new ReadableStream({ type: 'bytes' }).getReader({ mode: 'byob' });
  const options = {
    get min() {
      read = true;
      return 1;
    },
  };
  probe.read(new Uint8Array(1), options).catch(() => {});
  return read;
}

export default {
  'a chunk': async (context) => {
    const { reader } = await hold(context, 'greeter');
    const { value, done } = await reader.read();
    return { done, kind: value.constructor.name, text: new TextDecoder().decode(value) };
  },

  'the end, again and again': async (context) => {
    const { reader } = await hold(context, 'closer');
    return [await reading(reader.read()), await reading(reader.read()), await reading(reader.read())];
  },

  'a BYOB read': async (context) => {
    const { reader } = await holdBytes(context, 'greeter');
    const memory = new ArrayBuffer(64);
    const read = reader.read(new Uint8Array(memory, 10, 20));
    return { left: memory.byteLength, ...(await describe(read)) };
  },

  'a BYOB read into elements of two bytes': async (context) => {
    const { socket } = await open(context, 'echo');
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode('abcd'));
    const reader = socket.readable.getReader({ mode: 'byob' });
    return describe(reader.read(new Uint16Array(2)));
  },

  'a BYOB read at the end': async (context) => {
    const { reader } = await holdBytes(context, 'closer');
    await reader.read(new Uint8Array(8));
    return [await describe(reader.read(new Uint8Array(8))), await describe(reader.read(new Uint8Array(8)))];
  },

  'a BYOB read into nothing': async (context) => {
    const { reader } = await holdBytes(context, 'greeter');
    const refused = await outcome(reader.read(new Uint8Array(0)));
    return { refused, next: await reading(reader.read(new Uint8Array(5))) };
  },

  'a read with a minimum': async (context) => {
    const { reader } = await holdBytes(context, 'greeter');
    return hasMin() ? reading(reader.read(new Uint8Array(16), { min: 5 })) : NOT_HERE;
  },

  'a read with a minimum that the end prevents': async (context) => {
    const { reader } = await holdBytes(context, 'closer');
    return hasMin() ? describe(reader.read(new Uint8Array(8), { min: 6 })) : NOT_HERE;
  },

  'two reads that are pending': async (context) => {
    const { reader, writer } = await hold(context, 'echo');
    const reads = [reading(reader.read()), reading(reader.read(), PATIENCE)];
    await writer.write(new TextEncoder().encode('hello'));
    return Promise.all(reads);
  },

  'releaseLock() while a read is pending': async (context) => {
    const { reader } = await hold(context, 'silent');
    const read = outcome(reader.read(), PATIENCE);
    return { released: attempt(() => reader.releaseLock()), read: await read };
  },

  'a mebibyte': async (context) => {
    const { reader, writer } = await hold(context, 'echo');
    const sent = new Uint8Array(2 ** 20).map((_, index) => (index * 31 + (index >> 8)) & 255);
    writer.write(sent).catch(() => {});
    let at = 0;
    while (at < sent.length) {
      const { value } = await reader.read();
      if (value.some((byte, index) => byte !== sent[at + index])) return `changed after ${at}`;
      at += value.length;
    }
    return at;
  },

  'leaving a for await loop': async (context) => {
    const { socket, peer } = await open(context, 'greeter');
    for await (const _ of socket.readable) break;
    const writer = socket.writable.getWriter();
    const write = await outcome(writer.write(new TextEncoder().encode('on')));
    return { write, received: (await peer.received(2)).text, closed: await outcome(socket.closed, PATIENCE) };
  },

  'cancel()': async (context) => {
    const { socket, peer, reader, writer } = await hold(context, 'sink');
    const cancelled = await outcome(reader.cancel('enough'));
    const write = await outcome(writer.write(new TextEncoder().encode('on')));
    const seen = { cancelled, write, peer: await peer.ending(), closed: await outcome(socket.closed, PATIENCE) };
    return { ...seen, next: await reading(reader.read()) };
  },

  'cancel() while a read is pending': async (context) => {
    const { reader } = await hold(context, 'silent');
    const read = reading(reader.read());
    return { cancelled: await outcome(reader.cancel('enough')), read: await read };
  },

  'cancel() and then writer.close()': async (context) => {
    const { socket, peer, reader, writer } = await hold(context, 'sink');
    await reader.cancel();
    const close = await outcome(writer.close());
    return { close, peer: (await peer.ended()).ending, closed: await outcome(socket.closed, PATIENCE) };
  },

  'cancel() and then startTls()': async (context) => {
    const { socket } = await open(context, 'startTls', { secureTransport: 'starttls' });
    await exchange(socket, 'STARTTLS\n', 3);
    await socket.readable.cancel();
    const upgraded = socket.startTls({ expectedServerHostname: 'localhost' });
    return outcome(upgraded.opened.then(() => exchange(upgraded, 'hello')));
  },

  'the end of a peer that nobody reads from': async (context) => {
    const { socket, peer } = await open(context, 'closer');
    const writer = socket.writable.getWriter();
    const closed = await outcome(socket.closed, PATIENCE);
    const write = await outcome(writer.write(new TextEncoder().encode('on')));
    return { closed, write, received: (await peer.received(2)).text, peer: await peer.ending() };
  },

  'both branches of tee()': async (context) => {
    const { socket } = await open(context, 'closer');
    return Promise.all(socket.readable.tee().map((branch) => outcome(readAll(branch.getReader()))));
  },
};
