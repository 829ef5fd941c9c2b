// The name as code for Workers has it.

export { connect } from 'cloudflare:sockets';
