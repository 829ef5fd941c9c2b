'use strict';
// What happens to sockets, for tools that watch a program: channels of node:diagnostics_channel, documented in
// docs/diagnostics.md. Without a subscriber a channel costs one check.

const { channel } = require('node:diagnostics_channel');

/** `{ socket, address }`: `connect()` was called. */
const connecting = channel('winter-sockets:connect');
/** `{ socket, info }`: `opened` resolves, also that of an upgraded socket. */
const open = channel('winter-sockets:open');
/** `{ socket, upgraded }`: `startTls()` was called on `socket` and returned `upgraded`. */
const upgrade = channel('winter-sockets:upgrade');
/** `{ socket, error }`: the socket failed, or was aborted with `error` as the reason. */
const error = channel('winter-sockets:error');
/** `{ socket }`: `closed` resolves. */
const close = channel('winter-sockets:close');

module.exports = { connecting, open, upgrade, error, close };
