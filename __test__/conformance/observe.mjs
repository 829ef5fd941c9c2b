// How a behaviour says what it saw: in short texts, alike in every runtime. Of an error only the class is told.

/** For what comes, in milliseconds: however slow the machine. */
const LIMIT = 5000;

/** For what may never come: that nothing happens can only be seen by waiting. What settles at all does so in a few. */
export const PATIENCE = 800;

/** What a member that this runtime lacks amounts to. */
export const NOT_HERE = 'not in this runtime';

/** 'resolved', or the value it resolved with; 'rejected: <class>'; 'pending'. */
export function outcome(promise, patience = LIMIT) {
  const settled = Promise.resolve(promise).then(
    (value) => value ?? 'resolved',
    (reason) => `rejected: ${kindOf(reason)}`,
  );
  return Promise.race([settled, elapsed(patience).then(() => 'pending')]);
}

/** In steps, so that a machine that stands still for a moment does not use all of it up. */
async function elapsed(time, steps = 8) {
  for (let step = 0; step < steps; step++) await new Promise((resolve) => setTimeout(resolve, time / steps));
}

/** The outcomes of several promises, by name. */
export async function outcomes(promises, patience) {
  const entries = Object.entries(promises).map(async ([name, promise]) => [name, await outcome(promise, patience)]);
  return Object.fromEntries(await Promise.all(entries));
}

/** The outcome of a read: the text, 'done', or as above. */
export function reading(read, patience) {
  const text = read.then(({ value, done }) => (done ? 'done' : new TextDecoder().decode(value)));
  return outcome(text, patience);
}

/** What a call returned, or 'threw: <class>'. */
export function attempt(call) {
  try {
    return call() ?? 'returned';
  } catch (error) {
    return `threw: ${kindOf(error)}`;
  }
}

/** The names of promises in the order in which they settle, each with what became of it. */
export async function order(promises) {
  const seen = [];
  const notes = Object.entries(promises).map(([name, promise]) =>
    promise.then(
      () => seen.push(`${name} resolved`),
      () => seen.push(`${name} rejected`),
    ),
  );
  await Promise.all(notes);
  return seen;
}

function kindOf(reason) {
  return reason instanceof Error || typeof reason?.name === 'string' ? reason.name : JSON.stringify(reason);
}

/** Every socket that was opened: one that nobody refers to is collected in workerd, and the peer sees an end. */
const held = [];

/** A socket that is open to a server of the given kind: `{ socket, peer }`. */
export async function open({ connect, server }, kind, options) {
  const peer = await server(kind);
  const socket = connect(peer.address, options);
  held.push(socket);
  await socket.opened;
  return { socket, peer };
}

/** The same with its streams in hand: `{ socket, peer, reader, writer }`. */
export async function hold(context, kind, options) {
  const { socket, peer } = await open(context, kind, options);
  return { socket, peer, reader: socket.readable.getReader(), writer: socket.writable.getWriter() };
}

/** Reads to the end with a default reader. */
export async function readAll(reader) {
  const decoder = new TextDecoder();
  let text = '';
  for (let result = await reader.read(); !result.done; result = await reader.read()) {
    text += decoder.decode(result.value, { stream: true });
  }
  return text;
}

/** Writes and waits for an answer of so many bytes, without keeping a lock. */
export async function exchange(socket, message, length = message.length) {
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader({ mode: 'byob' });
  await writer.write(new TextEncoder().encode(message));
  let text = '';
  while (text.length < length) {
    const { value, done } = await reader.read(new Uint8Array(length - text.length));
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  writer.releaseLock();
  reader.releaseLock();
  return text;
}

/** A socket in plaintext whose server has said that TLS may begin. */
export async function readyForTls(context, kind, options) {
  const { socket, peer } = await open(context, kind, { secureTransport: 'starttls', ...options });
  await exchange(socket, 'STARTTLS\n', 'OK\n'.length);
  return { socket, peer };
}
