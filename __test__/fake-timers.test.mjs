// A program's tests may stop its clock: connections go on, as those of node:net do.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toNodeSocket } from 'winter-sockets/node';
import { established, exchange, served, watchDescriptors } from './support/extra-tcp.mjs';
import { pattern } from './support/handlers.mjs';
import { echo } from './support/servers.mjs';

watchDescriptors();

const BYTES = 16 * 1024 * 1024;

describe('with timers that somebody else moves on', { timeout: 60_000 }, () => {
  test('bytes are written and read, and the connection is closed', async (t) => {
    const server = await served(t, echo());
    t.mock.timers.enable({ apis: ['setImmediate', 'setTimeout', 'setInterval'] });
    const connection = await established(t, server);
    await exchange(connection);
    const { reader, writer, socket } = connection;
    const written = writer.write(pattern(BYTES));
    const received = [];
    // Small ones, so that many are found without waiting.
    for (let left = BYTES; left > 0; left -= received.at(-1).length) received.push((await reader.read()).value);
    await written;
    assert.ok(Buffer.concat(received).equals(pattern(BYTES)));
    await socket.close();
    await socket.closed;
  });

  test('nor does a node-style socket need them', async (t) => {
    const server = await served(t, echo());
    t.mock.timers.enable({ apis: ['setImmediate', 'setTimeout', 'setInterval'] });
    const { socket, reader, writer } = await established(t, server);
    reader.releaseLock();
    writer.releaseLock();
    const stream = toNodeSocket(socket);
    stream.end('all');
    assert.equal(Buffer.concat(await stream.toArray()).toString(), 'all');
    if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  });
});
