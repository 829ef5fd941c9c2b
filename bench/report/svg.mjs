// What the pictures have in common.

import { implementations } from '../catalogue.mjs';

const colours = ['#e0592a', '#7a8794', '#3d7dca', '#8a63b8', '#c9a227', '#2f9e6e', '#b04a7a', '#d98fb4', '#4aa6b0'];

// Readable on a light page and on a dark one, whichever the picture is shown on.
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .heading { font-size: 15px; font-weight: 600; }
  .title { font-weight: 600; }
  .small { font-size: 11px; }
  .line { stroke: #24292f; opacity: .25; }
  .one { stroke: #24292f; stroke-dasharray: 3 3; opacity: .5; }
  @media (prefers-color-scheme: dark) { text { fill: #d8dee4; } .one, .line { stroke: #d8dee4; } }
`;

/** The whole picture, from its parts. */
export function svg(width, height, title, parts) {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const start = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`;
  return [start, `<title>${escaped(title)}</title>`, `<style>${style}</style>`, ...parts, '</svg>', ''].join('\n');
}

export function text(content, attributes) {
  return `<text${listed(attributes)}>${escaped(content)}</text>`;
}

export function element(name, attributes) {
  return `<${name}${listed(attributes)}/>`;
}

/** Boxes with the names of the implementations, in lines of `perLine`; `{ parts, height }`. */
export function legend(names, { width, perLine }) {
  const step = width / perLine;
  const parts = names.flatMap((name, index) => {
    const x = Math.round((index % perLine) * step);
    const y = 8 + Math.floor(index / perLine) * 20;
    return [
      element('rect', { x, y, width: 12, height: 12, fill: colourOf(name) }),
      text(implementations[name].title, { x: x + 18, y: y + 10 }),
    ];
  });
  return { parts, height: 12 + Math.ceil(names.length / perLine) * 20 };
}

/** The same in every picture, whichever implementations it shows. */
export function colourOf(name) {
  return colours[Object.keys(implementations).indexOf(name)];
}

/** Those of the entries, in the order of the catalogue. */
export function namesOf(entries) {
  return Object.keys(implementations).filter((name) => entries.some((each) => each.implementation === name));
}

function listed(attributes) {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${value}"`)
    .join('');
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
