/**
 * A module to preload, with no exports: `node --import winter-sockets/register app.js`, or `--require`.
 *
 * From then on `cloudflare:sockets` can be imported and required everywhere in the process, worker threads included,
 * and is this package: the same `connect` as that of `winter-sockets`. The stock `pg` opens its connections through it,
 * and where its route is on the stock `postgres`; nothing else in the process sees a change.
 *
 * Imported by a program instead, it has to come before `pg`, and serves `import()` and `require()` of
 * `cloudflare:sockets` but no static import in the same program: Node resolves those before anything runs.
 *
 * Routes are switched on and off by the member `routes` of the JSON file that `WINTER_SOCKETS_CONFIG` names; by default
 * that of `pg` is on and that of `postgres` off. What cannot be routed is left as it is, and a process warning with the
 * code `'WINTER_SOCKETS_PG_NOT_ROUTED'` or `'WINTER_SOCKETS_POSTGRES_NOT_ROUTED'` gives the reason.
 * `NODE_DEBUG=winter-sockets` tells of everything that is.
 */
export {};
