/**
 * What this package is under the condition `workerd`: the platform's own `connect`, and no other name. The types are
 * Cloudflare's, from `@cloudflare/workers-types` or `wrangler types`.
 */
export { connect } from 'cloudflare:sockets';
