// All results as a picture: for each scenario a bar per implementation, as long as its ratio to the reference.

import { findScenario, implementations, reference } from '../catalogue.mjs';
import { colourOf, element, legend, namesOf, svg, text } from './svg.mjs';
import { formatRatioMedian, moreIsBetter } from './units.mjs';

const WIDTH = 840;
const LABELS = 300;
const BAR = 10;
const GAP = 12;
const HEADING = 44;
const NUMBER = 48;
/** Longer ones are cut, and say so, so that one outlier does not make all others too small to see. */
const MOST = 4;

const PER_RATIO = (WIDTH - LABELS - NUMBER) / MOST;
const { title } = implementations[reference];
const panels = [
  { heading: `Speed, ${title} = 1: longer is better`, better: true },
  { heading: `Memory and time, ${title} = 1: shorter is better`, better: false },
];

/** An SVG document of the summary of one version of Node. */
export function toChart(summary) {
  const shown = summary.filter(({ ratio }) => ratio !== null);
  const { parts, height } = legend(namesOf(shown), { width: WIDTH, perLine: 4 });
  let y = height;
  for (const { heading, better } of panels) {
    const entries = shown.filter(({ scenario }) => moreIsBetter(findScenario(scenario).unit) === better);
    if (entries.length === 0) continue;
    const drawn = panel(heading, entries, y);
    parts.push(...drawn.parts);
    y += drawn.height;
  }
  return svg(WIDTH, y, 'Results of the benchmark as ratios', parts);
}

function panel(heading, entries, top) {
  const parts = [text(heading, { x: 0, y: top + HEADING - 14, class: 'heading' })];
  let y = top + HEADING;
  for (const scenario of new Set(entries.map((each) => each.scenario))) {
    const group = entries.filter((each) => each.scenario === scenario);
    const middle = y + (group.length * BAR) / 2 + 4;
    parts.push(text(findScenario(scenario).title, { x: LABELS - 10, y: middle, 'text-anchor': 'end' }));
    for (const each of group) {
      parts.push(...bar(each, y));
      y += BAR;
    }
    y += GAP;
  }
  const one = LABELS + PER_RATIO;
  parts.push(element('line', { class: 'one', x1: one, x2: one, y1: top + HEADING, y2: y - GAP }));
  return { parts, height: y - top };
}

function bar({ implementation, ratio }, y) {
  const width = Math.round(Math.max(0, Math.min(ratio.median, MOST)) * PER_RATIO);
  const label = `${formatRatioMedian(ratio)}${ratio.median > MOST ? ' →' : ''}`;
  return [
    element('rect', { x: LABELS, y, width, height: BAR - 1, fill: colourOf(implementation) }),
    text(label, { x: LABELS + width + 4, y: y + BAR - 1, class: 'small' }),
  ];
}
