// The command line of `npm run bench`.

import { parseArgs } from 'node:util';
import { implementations, scenarios } from './catalogue.mjs';
import { sizes } from './sizes.mjs';

const ROUNDS = 7;

export const help = `npm run bench -- [options]

  --scenarios LIST        names or beginnings of names, such as download,ping-64b; all if not given
  --implementations LIST  ${Object.keys(implementations).join(', ')}; all if not given
  --rounds NUMBER         ${ROUNDS} if not given
  --node PATHS            executables of Node to measure; this one if not given
  --short                 less of everything, and of the scenarios those that say most
  --list                  prints the names of the scenarios
  --help                  prints this

Lists are separated by commas. Results: a Markdown table on standard output, JSON and SVG in bench/results/.
`;

/** `{ help, list }` or a plan: `{ rounds, nodes, scenarios, implementations, size }`, as rounds.mjs takes it. */
export function readArguments(args) {
  const { values } = parseArgs({
    args,
    options: {
      scenarios: { type: 'string' },
      implementations: { type: 'string' },
      rounds: { type: 'string', default: String(ROUNDS) },
      node: { type: 'string', default: process.execPath },
      short: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    help: values.help,
    list: values.list,
    rounds: countOf(values.rounds),
    nodes: values.node.split(','),
    scenarios: chooseScenarios(values),
    implementations: chooseImplementations(values.implementations),
    size: values.short ? sizes.short : sizes.full,
  };
}

function countOf(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`--rounds takes a number from 1, not "${text}"`);
  return Number(text);
}

function chooseScenarios({ scenarios: list, short }) {
  // Who names scenarios gets them, also those that are not of the short set.
  if (list === undefined) return scenarios.filter((each) => each.short || !short);
  const beginnings = list.split(',');
  for (const beginning of beginnings) {
    const known = scenarios.some(({ name }) => name.startsWith(beginning));
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
  return chosen;
}
