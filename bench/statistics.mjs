// From measurements to what is said about them.

import { reference } from './catalogue.mjs';

/**
 * One entry for each Node version, scenario and implementation: `{ node, scenario, implementation, value, ratio, jsCpu,
 * jsCpuRatio, cpu, serverBusy }`. Each is `{ median, min, max }` or null where there is none to tell:
 *
 * - `value`: units per second; where memory was measured, the amount
 * - `ratio`, `jsCpuRatio`: of `value` and of `jsCpu` to the reference, from the measurements of one round
 * - `jsCpu`, `cpu`: seconds per unit, of the JavaScript thread and of the process
 * - `serverBusy`: seconds of the server's processor time per second
 */
export function summarise(measurements) {
  const figures = measurements.map((each) => ({ ...each, ...figuresOf(each) }));
  const groups = new Map();
  for (const each of figures) {
    const key = keyOf(each);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }

  return [...groups.values()].map((group) => {
    const { node, scenario, implementation } = group[0];
    const references = groups.get(keyOf({ node, scenario, implementation: reference }));
    const ratios = (name) => references && group.map((each, index) => divide(each[name], references[index][name]));
    return {
      node,
      scenario,
      implementation,
      value: spread(group.map((each) => each.value)),
      ratio: spread(ratios('value')),
      jsCpu: spread(group.map((each) => each.jsCpu)),
      jsCpuRatio: spread(ratios('jsCpu')),
      cpu: spread(group.map((each) => each.cpu)),
      serverBusy: spread(group.map((each) => each.serverBusy)),
    };
  });
}

/** The middle one, or the mean of the two in the middle. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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

function keyOf({ node, scenario, implementation }) {
  return `${node} ${scenario} ${implementation}`;
}

function divide(number, by) {
  return number === null || !by ? null : number / by;
}

function spread(numbers) {
  if (!numbers || numbers.includes(null)) return null;
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
}
