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
  'bytes per connection': { value: [KiB, 'KiB'], moreIsBetter: false },
  'bytes at the peak': { value: [MiB, 'MiB'], moreIsBetter: false },
};

export function moreIsBetter(unit) {
  return units[unit].moreIsBetter;
}

/** The median and, in brackets, from least to most. */
export function formatValue(figure, unit) {
  return withUnit(figure, units[unit].value, true);
}

/** The median of the processor time for one unit: a GiB, a round trip, a connection. */
export function formatCpu(figure, unit) {
  return withUnit(figure, units[unit].cpu, false);
}

export function formatRatio(figure) {
  return figure ? `${figure.median.toFixed(2)} (${figure.min.toFixed(2)}–${figure.max.toFixed(2)})` : '–';
}

export function formatShare(figure) {
  return figure ? `${Math.round(figure.median * 100)} %` : '–';
}

function withUnit(figure, unit, withRange) {
  if (!figure) return '–';
  const [one, name] = unit;
  const range = withRange ? ` (${digits(figure.min / one)}–${digits(figure.max / one)})` : '';
  return `${digits(figure.median / one)} ${name}${range}`;
}

/** Three digits that count, and never an exponent. */
function digits(number) {
  if (Math.abs(number) >= 100) return Math.round(number).toLocaleString('en');
  return number.toPrecision(3);
}
