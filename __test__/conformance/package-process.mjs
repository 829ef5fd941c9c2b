// The half that runs the package, in a process of its own: what Node trusts is settled when it starts.

import { connect } from '../../index.js';
import { observeAll } from './behaviours.mjs';

const { url, wanted } = JSON.parse(process.argv[2]);
const seen = await observeAll(connect, url, wanted);
// The sockets that behaviours left open would keep the process alive.
process.stdout.write(JSON.stringify(seen), () => process.exit());
