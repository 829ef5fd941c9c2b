/**
 * Declares `cloudflare:sockets` for a program that runs with `winter-sockets/register`, where it is this package, and that
 * has no other declaration of it: `"types": ["node", "winter-sockets/types"]` in its tsconfig.json.
 */
declare module 'cloudflare:sockets' {
  // With a star, so that a name that Cloudflare's types declare too stays theirs.
  export * from 'winter-sockets';
}
