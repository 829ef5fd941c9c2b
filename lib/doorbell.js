'use strict';
// The events of every connection of this environment (the main thread, or one worker) come in here.

const { Environment, EventFlag } = require('./native.js');

const BATCH = 256;
const events = new Uint32Array(2 * BATCH);

/** Connections by the id under which their events come; held until their descriptor is released. */
const connections = new Map();
let referenced = 0;

const environment = new Environment(drain);

function drain() {
  let count;
  do {
    count = environment.drain(events);
    // Copied out first: what a dispatch sets off may drain again.
    const batch = Array.from(events.subarray(0, 2 * count));
    for (let i = 0; i < batch.length; i += 2) dispatch(batch[i], batch[i + 1]);
  } while (count === BATCH);
}

function dispatch(id, flags) {
  const connection = connections.get(id);
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

/** Whether `connection` keeps the process alive. */
function reference(connection, wanted) {
  if (connection.referenced === wanted) return;
  connection.referenced = wanted;
  referenced += wanted ? 1 : -1;
  if (referenced === (wanted ? 1 : 0)) environment.keepAlive(wanted);
}

module.exports = { open, reference };
