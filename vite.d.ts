/**
 * A plugin for Vite and Vitest, which do not ask Node's resolver: there, too, `cloudflare:sockets` is this package.
 *
 * - In code that Vite transforms for a server (dev server, `vite build --ssr`, Vitest), an import of `cloudflare:sockets`
 *   becomes one of `winter-sockets`, which stays external.
 * - The dev server and Vitest's workers preload `winter-sockets/register`, for what Vite leaves to Node: dependencies,
 *   such as `pg`.
 *
 * Environments that run in workerd, and those for the browser, are left alone.
 *
 * @example
 * import { winterSockets } from 'winter-sockets/vite';
 * export default { plugins: [winterSockets()] };
 */
export function winterSockets(): { name: 'winter-sockets' };
