// The half that runs the package, in a process of its own: what Node trusts is settled when it starts.

import { connect } from '../../index.js';
import { observeAll } from './behaviours.mjs';

const seen = await observeAll(connect, process.argv[2]);
// The sockets that behaviours left open would keep the process alive.
process.stdout.write(JSON.stringify(seen), () => process.exit());
