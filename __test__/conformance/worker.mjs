// The half that runs inside workerd.

import { connect } from 'cloudflare:sockets';
import { observeAll } from './behaviours.mjs';

export default {
  async fetch(request) {
    const { url, wanted } = await request.json();
    return Response.json(await observeAll(connect, url, wanted));
  },
};
