// Does what main.mjs does, with workerd: `workerd.mjs JOB WORKERD CONFIGURATION`, the paths of the program and of what
// workerd-config.mjs has written. A worker knows nothing of its process: it asks here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { snapshotOf, wallClock } from './snapshot.mjs';

/** The descriptor on which workerd tells its port. */
const CONTROL = 3;

const [job, program, configuration] = process.argv.slice(2);
const { server, ...rest } = JSON.parse(job);

const meter = createServer((_request, response) => response.end(JSON.stringify(snapshotOf(workerd.pid, server))));
await once(meter.listen(0, '127.0.0.1'), 'listening');

const started = wallClock() * 1000;
const args = ['serve', `--control-fd=${CONTROL}`, `--external-addr=meter=127.0.0.1:${meter.address().port}`];
const workerd = spawn(program, [...args, configuration], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
// It would run on without this process.
process.on('exit', () => workerd.kill('SIGKILL'));
process.on('SIGTERM', () => process.exit(1));
workerd.on('exit', (code, signal) => {
  console.error(`workerd ended with ${signal ?? code}`);
  process.exit(1);
});

const [line] = await once(createInterface({ input: workerd.stdio[CONTROL] }), 'line');
const body = JSON.stringify({ ...rest, started });
const response = await fetch(`http://127.0.0.1:${JSON.parse(line).port}/`, { method: 'POST', body });
const text = await response.text();
if (!response.ok) {
  console.error(text);
  process.exit(1);
}
process.stdout.write(text, () => process.exit());
