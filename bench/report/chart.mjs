// The results as a picture: for each scenario a bar per implementation, as long as its ratio to the reference.

import { findScenario, implementations, reference } from '../catalogue.mjs';
import { moreIsBetter } from './units.mjs';

const WIDTH = 840;
const LABELS = 300;
const BAR = 12;
const GAP = 14;
const HEADING = 44;
const LEGEND = 32;
const NUMBER = 48;
/** Longer ones are cut, and say so, so that one outlier does not make all others too small to see. */
const MOST = 4;

const PER_RATIO = (WIDTH - LABELS - NUMBER) / MOST;
const colours = ['#e0592a', '#7a8794', '#3d7dca', '#8a63b8', '#2f9e6e', '#c9a227', '#b04a7a', '#4aa6b0'];

// Readable on a light page and on a dark one, whichever the picture is shown on.
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .heading { font-size: 15px; font-weight: 600; }
  .one { stroke: #24292f; stroke-dasharray: 3 3; opacity: .5; }
  @media (prefers-color-scheme: dark) { text { fill: #d8dee4; } .one { stroke: #d8dee4; } }
`;

/** An SVG document of the summary of one version of Node. */
export function toSvg(summary) {
  const shown = summary.filter(({ ratio }) => ratio !== null);
  const panels = [
    { heading: `Speed, ${reference} = 1: longer is better`, better: true },
    { heading: `Memory, ${reference} = 1: shorter is better`, better: false },
  ];
  const names = Object.keys(implementations).filter((name) => shown.some((each) => each.implementation === name));

  const parts = [legend(names)];
  let y = LEGEND;
  for (const { heading, better } of panels) {
    const entries = shown.filter(({ scenario }) => moreIsBetter(findScenario(scenario).unit) === better);
    if (entries.length === 0) continue;
    const { svg, height } = panel(heading, entries, y);
    parts.push(svg);
    y += height;
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  const start = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`;
  return [start, `<style>${style}</style>`, ...parts, '</svg>', ''].join('\n');
}

function legend(names) {
  const step = WIDTH / names.length;
  return names
    .map((name, index) => {
      const x = Math.round(index * step);
      const box = `<rect x="${x}" y="8" width="${BAR}" height="${BAR}" fill="${colourOf(name)}"/>`;
      return `${box}${text(implementations[name].title, { x: x + BAR + 6, y: 18 })}`;
    })
    .join('\n');
}

function panel(heading, entries, top) {
  const parts = [text(heading, { x: 0, y: top + HEADING - 14, class: 'heading' })];
  let y = top + HEADING;
  for (const scenario of new Set(entries.map((each) => each.scenario))) {
    const group = entries.filter((each) => each.scenario === scenario);
    const middle = y + (group.length * BAR) / 2 + 4;
    parts.push(text(findScenario(scenario).title, { x: LABELS - 10, y: middle, 'text-anchor': 'end' }));
    for (const each of group) {
      parts.push(bar(each, y));
      y += BAR;
    }
    y += GAP;
  }
  const one = LABELS + PER_RATIO;
  parts.push(`<line class="one" x1="${one}" x2="${one}" y1="${top + HEADING}" y2="${y - GAP}"/>`);
  return { svg: parts.join('\n'), height: y - top };
}

function bar({ implementation, ratio: { median } }, y) {
  const width = Math.round(Math.max(0, Math.min(median, MOST)) * PER_RATIO);
  const rect = `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR - 1}" fill="${colourOf(implementation)}"/>`;
  const label = `${median.toFixed(2)}${median > MOST ? ' →' : ''}`;
  return `${rect}${text(label, { x: LABELS + width + 4, y: y + BAR - 2 })}`;
}

/** The same in every picture, whichever implementations it shows. */
function colourOf(name) {
  return colours[Object.keys(implementations).indexOf(name)];
}

function text(content, attributes) {
  const list = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<text${list.join('')}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}
