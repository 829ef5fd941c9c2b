// How figures are written. A figure is `{ median, min, max }`, or null where there is none to tell.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** By the unit of a scenario: how its value and the processor time per unit are written, and whether more is better. */
const units = {
  bytes: { value: [MiB, 'MiB/s'], cpu: [1 / GiB, 's/GiB'], moreIsBetter: true },
  'round trips': { value: [1, '/s'], cpu: [1e-6, 'µs'], moreIsBetter: true },
  connections: { value: [1, '/s'], cpu: [1e-6, 'µs'], moreIsBetter: true },
  upgrades: { value: [1, '/s'], cpu: [1e-6, 'µs'], moreIsBetter: true },
  queries: { value: [1, '/s'], cpu: [1e-6, 'µs'], moreIsBetter: true },
  'bytes per connection': { value: [KiB, 'KiB'], moreIsBetter: false },
  'bytes at the peak': { value: [MiB, 'MiB'], moreIsBetter: false },
  seconds: { value: [1e-3, 'ms'], moreIsBetter: false },
};

export function moreIsBetter(unit) {
  return units[unit].moreIsBetter;
}

/** The median. */
export function formatMedian(figure, unit) {
  return withUnit(figure, units[unit].value);
}

/** The median and, in brackets, from least to most. */
export function formatValue(figure, unit) {
  return withRange(formatMedian(figure, unit), figure, (number) => digits(number / units[unit].value[0]));
}

/** The median of the processor time for one unit: a GiB, a round trip, a connection. */
export function formatCpu(figure, unit) {
  return withUnit(figure, units[unit].cpu);
}

export function formatRatio(figure) {
  return withRange(formatRatioMedian(figure), figure, ratio);
}

export function formatRatioMedian(figure) {
  return figure ? ratio(figure.median) : '–';
}

export function formatShare(figure) {
  return figure ? `${Math.round(figure.median * 100)} %` : '–';
}

function withUnit(figure, unit) {
  return figure ? `${digits(figure.median / unit[0])} ${unit[1]}` : '–';
}

function withRange(text, figure, format) {
  return figure ? `${text} (${format(figure.min)}–${format(figure.max)})` : text;
}

/** Two places, but no more digits than three. */
function ratio(number) {
  return number >= 10 ? digits(number) : number.toFixed(2);
}

/** Three digits that count, and never an exponent. */
export function digits(number) {
  if (Math.abs(number) >= 100) return Math.round(number).toLocaleString('en');
  return number.toPrecision(3);
}
