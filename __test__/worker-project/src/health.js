// src/health.js
import { connect } from 'cloudflare:sockets';

/** Whether something listens there. */
export async function isUp({ hostname, port }) {
  const socket = connect({ hostname, port: Number(port) });
  try {
    await socket.opened;
    await socket.close();
    return true;
  } catch {
    return false;
  }
}
