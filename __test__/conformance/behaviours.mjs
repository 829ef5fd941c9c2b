// What can be seen of `connect()`, in any runtime that has it: this file and what it imports use nothing of Node's.
//
// A behaviour is an async function of `{ connect, server }` that returns what it saw as a small value of JSON. It judges
// nothing: what is right is written in recorded.jsonl, which is what workerd does, and in differences.mjs.

import address from './behaviours/address.mjs';
import closing from './behaviours/closing.mjs';
import failing from './behaviours/failing.mjs';
import interop from './behaviours/interop.mjs';
import opening from './behaviours/opening.mjs';
import options from './behaviours/options.mjs';
import reading from './behaviours/reading.mjs';
import shape from './behaviours/shape.mjs';
import startTls from './behaviours/start-tls.mjs';
import tls from './behaviours/tls.mjs';
import writing from './behaviours/writing.mjs';
import { serverClient } from './server-client.mjs';

const topics = { address, options, shape, opening, reading, writing, closing, failing, startTls, tls, interop };

/** Every behaviour by its full name, `topic: name`. */
const behaviours = Object.fromEntries(
  Object.entries(topics).flatMap(([topic, members]) =>
    Object.entries(members).map(([name, observe]) => [`${topic}: ${name}`, observe]),
  ),
);

export const names = Object.keys(behaviours);

/** Many wait for what never comes, so that several at once keep the whole short. */
const AT_ONCE = 16;

/** What each behaviour saw, by name; `url` is that of the servers. */
export async function observeAll(connect, url) {
  const context = { connect, server: serverClient(url) };
  const queue = [...names];
  const seen = {};
  const work = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      try {
        seen[name] = await behaviours[name](context);
      } catch (error) {
        seen[name] = `broke off: ${error?.stack ?? error}`;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return Object.fromEntries(names.map((name) => [name, seen[name]]));
}
