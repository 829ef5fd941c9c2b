// The entry under the condition `workerd`, where the platform has the API itself.

export { connect } from 'cloudflare:sockets';
