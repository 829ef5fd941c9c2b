// From measurements to what is said about them.

import { reference } from './catalogue.mjs';

/**
 * One entry for each Node version, scenario and implementation: `{ node, scenario, implementation, value, ratio, jsCpu,
 * jsCpuRatio, cpu, serverBusy }`. What does not run on Node stands beside each version of it. The rest is
 * `{ median, min, max }` or null where there is none to tell:
 *
 * - `value`: units per second; where memory or a time was measured, the amount
 * - `ratio`, `jsCpuRatio`: of `value` and of `jsCpu` to the reference, from the measurements of one round
 * - `jsCpu`, `cpu`: seconds per unit, of the JavaScript thread and of the process
 * - `serverBusy`: seconds of the server's processor time per second
 */
export function summarise(measurements) {
  const figures = measurements.filter(({ failed, points }) => !failed && !points);
  return groupsOf(figures.map((each) => ({ ...each, ...figuresOf(each) }))).map(({ node, group, references }) => {
    const ratios = (name) => {
      const numbers = group.map((each) => divide(each[name], references.get(each.round)?.[name] ?? null));
      return spread(numbers.filter((ratio) => ratio !== null));
    };
    const { scenario, implementation } = group[0];
    return {
      node,
      scenario,
      implementation,
      value: spread(group.map((each) => each.value)),
      ratio: ratios('value'),
      jsCpu: spread(group.map((each) => each.jsCpu)),
      jsCpuRatio: ratios('jsCpu'),
      cpu: spread(group.map((each) => each.cpu)),
      serverBusy: spread(group.map((each) => each.serverBusy)),
    };
  });
}

/**
 * The same of the scenarios that count connections: `{ node, scenario, implementation, points }`, each point
 * `{ connections, memory, roundTrip, idleCpu }`: bytes resident, seconds per round trip, and seconds of processor time
 * per second in which nothing happens.
 */
export function summariseGrowth(measurements) {
  const figures = measurements.filter(({ failed, points }) => !failed && points);
  return groupsOf(figures).map(({ node, group }) => {
    const { scenario, implementation, points } = group[0];
    const over = (index, name) => spread(group.map((each) => each.points[index][name]));
    return {
      node,
      scenario,
      implementation,
      points: points.map(({ connections }, index) => ({
        connections,
        memory: over(index, 'memory'),
        roundTrip: over(index, 'roundTrip'),
        idleCpu: over(index, 'idleCpu'),
      })),
    };
  });
}

/** What could not be measured, each with its first reason: `{ node, scenario, implementation, rounds, reason }`. */
export function failuresOf(measurements) {
  const groups = group(measurements.filter(({ failed }) => failed));
  return groups.map((each) => {
    const { node, scenario, implementation, failed } = each[0];
    return { node, scenario, implementation, rounds: each.map(({ round }) => round), reason: failed };
  });
}

/** The middle one, or the mean of the two in the middle. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `{ node, group, references }`: the reference's by round, on that version of Node. */
function groupsOf(figures) {
  const nodes = [...new Set(figures.map(({ node }) => node))].filter((node) => node !== null);
  return (nodes.length > 0 ? nodes : [null]).flatMap((node) => {
    const groups = group(figures.filter((each) => each.node === node || each.node === null));
    return groups.map((each) => {
      const same = groups.find(([other]) => other.implementation === reference && other.scenario === each[0].scenario);
      return { node, group: each, references: new Map(same?.map((measured) => [measured.round, measured])) };
    });
  });
}

function group(measurements) {
  const groups = new Map();
  for (const each of measurements) {
    const key = `${each.node} ${each.scenario} ${each.implementation}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

function figuresOf({ amount, seconds, jsCpu, cpu, serverCpu }) {
  if (seconds === undefined) return { value: amount, jsCpu: null, cpu: null, serverBusy: null };
  return {
    value: amount / seconds,
    jsCpu: divide(jsCpu, amount),
    cpu: divide(cpu, amount),
    serverBusy: divide(serverCpu, seconds),
  };
}

function divide(number, by) {
  return number === null || !by ? null : number / by;
}

function spread(numbers) {
  if (numbers.length === 0 || numbers.includes(null)) return null;
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}
