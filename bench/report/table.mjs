// The results as Markdown.

import { findScenario, implementations, reference } from '../catalogue.mjs';
import { namesOf } from './svg.mjs';
import * as units from './units.mjs';

const comparisons = [
  {
    field: 'ratio',
    absolute: 'value',
    heading: `Result, as a ratio to ${implementations[reference].title}`,
    format: units.formatMedian,
  },
  {
    field: 'jsCpuRatio',
    absolute: 'jsCpu',
    heading: `Processor time of the JavaScript thread, as a ratio to ${implementations[reference].title} (less is better)`,
    format: units.formatCpu,
  },
];

const quantities = {
  'round trip': ({ roundTrip }) => `${units.digits(roundTrip.median * 1e6)} µs`,
  'memory of the process': ({ memory }) => units.formatMedian(memory, 'bytes at the peak'),
  'processor, while idle': ({ idleCpu }) => (idleCpu === null ? '–' : `${(idleCpu.median * 100).toFixed(1)} %`),
};

/** All figures: a row for each scenario and implementation. */
export function toFigures(summary) {
  const head = [
    'scenario',
    'implementation',
    'result',
    `ratio to ${reference}`,
    'JS thread',
    `JS thread, ratio to ${reference}`,
    'process',
    'server busy',
  ];
  return sections(summary, (entries) => table(head, entries.map(figureCells)));
}

/** The ratios only: a row for each scenario, a column for each implementation. */
export function toComparison(summary) {
  return sections(summary, (entries) =>
    comparisons
      .map((comparison) => ({ comparison, shown: entries.filter((each) => each[comparison.field] !== null) }))
      .filter(({ shown }) => shown.length > 0)
      .map(({ comparison, shown }) => `${comparison.heading}:\n\n${comparisonTable(comparison, shown)}`)
      .join('\n\n'),
  );
}

/** What a number of connections costs: a row for each number and quantity, a column for each implementation. */
export function toGrowthTable(growth) {
  return sections(
    growth,
    (entries) => {
      const names = namesOf(entries);
      const rows = Object.entries(quantities).flatMap(([quantity, format]) =>
        [...new Set(entries.map(({ scenario }) => scenario))].flatMap((scenario) => {
          const group = entries.filter((each) => each.scenario === scenario);
          const counts = new Set(group.flatMap(({ points }) => points.map(({ connections }) => connections)));
          return [...counts]
            .sort((a, b) => a - b)
            .map((connections) => [
              quantity,
              `${connections.toLocaleString('en')}${findScenario(scenario).secureTransport === 'on' ? ', TLS' : ''}`,
              ...names.map((name) => {
                const points = group.find(({ implementation }) => implementation === name)?.points;
                const point = points?.find((each) => each.connections === connections);
                return point ? format(point) : '–';
              }),
            ]);
        }),
      );
      return table(['quantity', 'connections', ...names.map((name) => implementations[name].title)], rows);
    },
    'By the number of connections, ',
  );
}

/** What could not be measured, and why; an empty text if there is nothing. */
export function toFailures(failures) {
  return failures
    .map(({ node, scenario, implementation, rounds, reason }) => {
      const where = [scenario, implementation, node && `Node ${node}`].filter(Boolean).join(', ');
      return `- ${where}: failed in ${rounds.length} round${rounds.length > 1 ? 's' : ''}: ${reason.split('\n').at(0)}`;
    })
    .join('\n');
}

/** One for each version of Node, which its heading names; none where there is nothing to say. */
function sections(entries, content, title = '') {
  const nodes = [...new Set(entries.map(({ node }) => node))];
  return nodes
    .map((node) => ({ node, text: content(entries.filter((each) => each.node === node)) }))
    .filter(({ text }) => text !== '')
    .map(({ node, text }) => (node === null ? text : `### ${title}Node ${node}\n\n${text}`))
    .join('\n\n');
}

function figureCells({ scenario, implementation, value, ratio, jsCpu, jsCpuRatio, cpu, serverBusy }) {
  const { unit } = findScenario(scenario);
  return [
    titleOf(scenario),
    implementations[implementation].title,
    units.formatValue(value, unit),
    units.formatRatio(ratio),
    units.formatCpu(jsCpu, unit),
    units.formatRatio(jsCpuRatio),
    units.formatCpu(cpu, unit),
    units.formatShare(serverBusy),
  ];
}

/** The reference as it was measured, the others as ratios; the first one, which it is about, with least and most. */
function comparisonTable({ field, absolute, format }, entries) {
  const others = namesOf(entries).filter((name) => name !== reference);
  const rows = [...new Set(entries.map(({ scenario }) => scenario))].map((scenario) => {
    const find = (name) => entries.find((each) => each.scenario === scenario && each.implementation === name);
    const figure = (name) => find(name)?.[field] ?? null;
    return [
      field === 'ratio' ? titleOf(scenario) : findScenario(scenario).title,
      format(find(reference)?.[absolute] ?? null, findScenario(scenario).unit),
      ...others.map((name, index) => (index === 0 ? units.formatRatio : units.formatRatioMedian)(figure(name))),
    ];
  });
  return table(['scenario', ...[reference, ...others].map((name) => implementations[name].title)], rows);
}

function titleOf(scenario) {
  const { title, unit } = findScenario(scenario);
  return units.moreIsBetter(unit) ? title : `${title} (less is better)`;
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
