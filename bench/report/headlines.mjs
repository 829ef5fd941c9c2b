// The picture of the README: a few results, as they were measured, each implementation by its name.

import { findScenario, implementations } from '../catalogue.mjs';
import { colourOf, element, svg, text } from './svg.mjs';
import { formatCpu, formatMedian, moreIsBetter } from './units.mjs';

const headlines = [
  { scenario: 'download-tls' },
  { scenario: 'ping-64b-64-tls' },
  { scenario: 'connect-32-tls' },
  { scenario: 'ping-64b-64-plain', field: 'jsCpu', what: 'JS thread per round trip, 64 connections' },
  { scenario: 'idle-memory-tls' },
  { scenario: 'pg-64-tls' },
];

const COLUMNS = 2;
const COLUMN = 430;
const MARGIN = 20;
const LABELS = 172;
const NUMBER = 75;
const BAR = 14;
const TITLE = 34;

/** An SVG document of the summary of one version of Node, with those headlines that were measured; null if none was. */
export function toHeadlines(summary) {
  const panels = headlines
    .map(({ scenario, field = 'value', what }) => {
      const entries = summary.filter((each) => each.scenario === scenario && each[field] !== null);
      return { scenario, field, what, entries };
    })
    .filter(({ entries }) => entries.length > 0);
  if (panels.length === 0) return null;

  const parts = [];
  let y = 0;
  for (let first = 0; first < panels.length; first += COLUMNS) {
    const row = panels.slice(first, first + COLUMNS);
    for (const [index, each] of row.entries()) parts.push(...panel(each, index * (COLUMN + MARGIN), y));
    y += TITLE + Math.max(...row.map(({ entries }) => entries.length)) * BAR + MARGIN;
  }
  return svg(COLUMNS * COLUMN + (COLUMNS - 1) * MARGIN, y, 'Results of the benchmark', parts);
}

function panel({ scenario, field, what, entries }, left, top) {
  const { title, unit } = findScenario(scenario);
  const [format, better] = field === 'value' ? [formatMedian, moreIsBetter(unit)] : [formatCpu, false];
  const most = Math.max(...entries.map((each) => each[field].median));
  const heading = `${what ?? title}: ${better ? 'longer' : 'shorter'} is better`;
  return [
    text(heading, { x: left, y: top + TITLE - 14, class: 'title' }),
    ...entries.flatMap((each, index) => {
      const y = top + TITLE + index * BAR;
      const width = Math.max(1, Math.round(((COLUMN - LABELS - NUMBER) * each[field].median) / most));
      const name = implementations[each.implementation].title;
      return [
        text(name, { x: left + LABELS - 8, y: y + BAR - 4, 'text-anchor': 'end', class: 'small' }),
        element('rect', { x: left + LABELS, y, width, height: BAR - 2, fill: colourOf(each.implementation) }),
        text(format(each[field], unit), { x: left + LABELS + width + 5, y: y + BAR - 4, class: 'small' }),
      ];
    }),
  ];
}
