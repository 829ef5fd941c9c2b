// The command line of `npm run bench`.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { nodeMajors } from '../scripts/node-majors.mjs';
import { implementations, scenarios } from './catalogue.mjs';
import { sizes } from './sizes.mjs';

const ROUNDS = 7;

export const help = `npm run bench -- [options]

  --scenarios LIST        names or beginnings of names, such as download,ping-64b; all if not given
  --implementations LIST  ${Object.keys(implementations).join(', ')}; all if not given
  --rounds NUMBER         ${ROUNDS} if not given
  --node LIST             majors of Node, such as 20,24, which are fetched where they are missing, or paths of executables;
                          this one if not given
  --short                 less of everything, and of the scenarios those that say most
  --publish               writes the figures and pictures of the documentation as well
  --from FILES            measures nothing: takes the measurements of earlier runs, such as bench/results/results.json
  --list                  prints the names of the scenarios
  --help                  prints this

Lists are separated by commas. Results: Markdown tables on standard output; these, JSON and SVG in bench/results/.
`;

const options = {
  scenarios: { type: 'string' },
  implementations: { type: 'string' },
  rounds: { type: 'string', default: String(ROUNDS) },
  node: { type: 'string' },
  short: { type: 'boolean', default: false },
  publish: { type: 'boolean', default: false },
  from: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/**
 * `{ help, list, publish, from }` and a plan: `{ rounds, nodes, scenarios, implementations, size }`; `nodes` are
 * `{ path, missing }`, `from` paths or null.
 */
export function readArguments(args) {
  const values = parse(args);
  return {
    help: values.help,
    list: values.list,
    publish: values.publish,
    from: values.from?.split(',') ?? null,
    rounds: countOf(values.rounds),
    nodes:
      values.node === undefined ? [{ path: process.execPath, missing: false }] : values.node.split(',').map(nodeOf),
    scenarios: chooseScenarios(values),
    implementations: chooseImplementations(values.implementations),
    size: values.short ? sizes.short : sizes.full,
  };
}

function parse(args) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    // What follows the first sentence is about programs that take such an argument.
    throw new TypeError(`${error.message.split('. ', 1)[0]}; --help tells what there is`, { cause: error });
  }
}

function countOf(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`--rounds takes a number from 1, not "${text}"`);
  return Number(text);
}

function nodeOf(text) {
  if (!/^\d+$/.test(text)) {
    if (!existsSync(text)) throw new TypeError(`--node: there is no file "${text}"`);
    return { path: text, missing: false };
  }
  const majors = nodeMajors();
  const found = majors.find(({ major }) => major === Number(text));
  if (found) return found;
  throw new TypeError(`--node takes ${majors.map(({ major }) => major).join(', ')} or a path, not "${text}"`);
}

function chooseScenarios({ scenarios: list, short }) {
  // Who names scenarios gets them, also those that are not of the short set.
  if (list === undefined) return scenarios.filter((each) => each.short || !short);
  const beginnings = list.split(',');
  for (const beginning of beginnings) {
    const known = beginning !== '' && scenarios.some(({ name }) => name.startsWith(beginning));
    if (!known) throw new TypeError(`there is no scenario "${beginning}"; --list prints them`);
  }
  return scenarios.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
}

function chooseImplementations(list) {
  const names = Object.keys(implementations);
  if (list === undefined) return names;
  const chosen = list.split(',');
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no implementation "${unknown}", but ${names.join(', ')}`);
  return names.filter((name) => chosen.includes(name));
}
