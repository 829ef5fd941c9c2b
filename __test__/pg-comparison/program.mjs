// Runs one scenario of scenarios.mjs in this process, whatever pg's connections go over, and prints what came of it.

import pg from 'pg';
import { scenarios } from './scenarios.mjs';

const [, , name, settings] = process.argv;
const outcome = await scenarios[name].run({ pg, ...JSON.parse(settings) });
console.log(JSON.stringify(outcome));
