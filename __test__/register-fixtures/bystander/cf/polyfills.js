// Has the path of postgres's file within its package, and asks for the same name.

export { connect } from 'cloudflare:sockets';
