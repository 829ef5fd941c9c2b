/**
 * A module to preload, with no exports: `node --import winter-sockets/register app.js`, or `--require`.
 *
 * From then on `cloudflare:sockets` can be imported and required everywhere in the process, worker threads included,
 * and is this package: the same `connect` as that of `winter-sockets`. The stock `pg` opens its connections through it
 * when the preload comes before the first `require('pg')`; nothing else in the process sees a change.
 */
export {};
