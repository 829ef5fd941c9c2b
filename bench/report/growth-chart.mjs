// How time and memory grow with the number of connections: a line per implementation, both axes in powers of ten.

import { findScenario } from '../catalogue.mjs';
import { colourOf, element, legend, namesOf, svg, text } from './svg.mjs';
import { digits } from './units.mjs';

const MiB = 1024 * 1024;
const WIDTH = 840;
const COLUMN = 400;
const LEFT = 60;
const PLOT = { width: COLUMN - LEFT, height: 220 };
const PANEL = PLOT.height + 76;

const quantities = [
  { field: 'roundTrip', heading: 'µs per round trip, on all at once', one: 1e-6 },
  { field: 'memory', heading: 'MiB of memory, the whole process', one: MiB },
];

/** An SVG document of the growth on one version of Node. */
export function toGrowthChart(growth) {
  const { parts, height } = legend(namesOf(growth), { width: WIDTH, perLine: 4 });
  let y = height;
  for (const scenario of new Set(growth.map((each) => each.scenario))) {
    const entries = growth.filter((each) => each.scenario === scenario);
    const suffix = findScenario(scenario).secureTransport === 'on' ? ', TLS' : '';
    for (const [index, { field, heading, one }] of quantities.entries()) {
      const lines = entries.map(({ implementation, points }) => ({
        implementation,
        points: points.map((point) => [point.connections, point[field].median / one]),
      }));
      parts.push(...plot(`${heading}${suffix}`, lines, index * (WIDTH - COLUMN), y));
    }
    y += PANEL;
  }
  return svg(WIDTH, y, 'Time and memory by the number of connections', parts);
}

function plot(heading, lines, left, top) {
  const all = lines.flatMap(({ points }) => points);
  const across = axis(all.map(([connections]) => connections));
  const up = axis(all.map(([, value]) => value));
  const x = (connections) => Math.round(left + LEFT + across.at(connections) * (PLOT.width - 20));
  const y = (value) => Math.round(top + 40 + (1 - up.at(value)) * PLOT.height);

  const parts = [text(heading, { x: left + LEFT, y: top + 24, class: 'title' })];
  for (const tick of up.ticks) {
    parts.push(element('line', { class: 'line', x1: left + LEFT, x2: left + COLUMN, y1: y(tick), y2: y(tick) }));
    parts.push(text(numbered(tick), { x: left + LEFT - 6, y: y(tick) + 4, 'text-anchor': 'end', class: 'small' }));
  }
  for (const tick of across.ticks) {
    parts.push(
      text(numbered(tick), { x: x(tick), y: top + PLOT.height + 58, 'text-anchor': 'middle', class: 'small' }),
    );
  }
  for (const { implementation, points } of lines) {
    const colour = colourOf(implementation);
    const list = points.map(([connections, value]) => `${x(connections)},${y(value)}`).join(' ');
    parts.push(element('polyline', { points: list, fill: 'none', stroke: colour, 'stroke-width': 2 }));
    for (const [connections, value] of points) {
      parts.push(element('circle', { cx: x(connections), cy: y(value), r: 2.5, fill: colour }));
    }
  }
  return parts;
}

/** From the power of ten below the least to the one above the most: `at(number)` is from 0 to 1. */
function axis(numbers) {
  const least = Math.floor(Math.log10(Math.min(...numbers)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...numbers))));
  const ticks = Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index));
  return { ticks, at: (number) => (Math.log10(number) - least) / (most - least) };
}

function numbered(tick) {
  return tick >= 1 ? tick.toLocaleString('en') : digits(tick);
}
