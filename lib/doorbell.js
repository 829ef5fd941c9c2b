'use strict';
// The events of every connection of this environment (the main thread, or one worker) come in here.

const { Environment, EventFlag } = require('./native.js');

const BATCH = 256;
const events = new Uint32Array(2 * BATCH);
let draining = false;

/** Connections by the id under which their events come; held until their descriptor is released. */
const connections = new Map();
let referenced = 0;

/** Whether this is Node itself and no other runtime with its interfaces. */
const inNode = !process.versions.bun && !process.versions.deno;

const environment = new Environment(drain, inNode);
const calls = environment.calls();

function drain() {
  // What a dispatch sets off may run the event loop and get here again.
  const batch = draining ? new Uint32Array(2 * BATCH) : events;
  const outer = draining;
  draining = true;
  let count;
  do {
    count = calls.drain(batch);
    for (let i = 0; i < 2 * count; i += 2) dispatch(batch[i], batch[i + 1]);
  } while (count === BATCH);
  draining = outer;
}

function dispatch(id, flags) {
  const connection = connections.get(id);
  // With nothing to tell, the call for it was what the native side wanted. A connection that is gone was told of its end by an event
  // loop that the events before this one ran.
  if (flags === 0 || connection === undefined) return;
  if (flags & EventFlag.Released) {
    connections.delete(id);
    connection.released = true;
    reference(connection, false);
  }
  try {
    connection.dispatch(flags);
  } catch (error) {
    // It is nobody else's: the events after it are dispatched all the same.
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Opens a native connection whose events go to `connection`; the arguments are those of the binding. */
function open(connection, ...args) {
  const native = environment.connect(...args);
  connections.set(native.id, connection);
  reference(connection, true);
  return native;
}

const now = Promise.resolve();
let flushing = false;

/** Has the native side send what was written, once the code that runs now has written all that it has to write. */
function flushSoon() {
  if (flushing) return;
  flushing = true;
  now.then(flush);
}

function flush() {
  flushing = false;
  calls.flush();
}

/** Whether `connection` keeps the process alive. */
function reference(connection, wanted) {
  if (connection.referenced === wanted) return;
  connection.referenced = wanted;
  referenced += wanted ? 1 : -1;
  if (referenced === (wanted ? 1 : 0)) environment.keepAlive(wanted);
}

module.exports = { calls, flushSoon, open, reference };
