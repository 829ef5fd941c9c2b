// The half that runs inside workerd.

import { connect } from 'cloudflare:sockets';
import { observeAll } from './behaviours.mjs';

export default {
  async fetch(request) {
    return Response.json(await observeAll(connect, await request.text()));
  },
};
