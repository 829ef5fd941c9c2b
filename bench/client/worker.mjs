// The half of workerd.mjs that runs inside workerd: the job comes as a request, the measurement leaves as its answer.

import { runJob } from './run-job.mjs';

export default {
  async fetch(request, { METER }) {
    const observe = async () => (await METER.fetch('http://meter/')).json();
    try {
      return Response.json(await runJob(await request.json(), observe));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
