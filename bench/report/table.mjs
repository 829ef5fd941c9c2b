// The results as Markdown.

import { findScenario, implementations, reference } from '../catalogue.mjs';
import { formatCpu, formatRatio, formatShare, formatValue, moreIsBetter } from './units.mjs';

/** A table for each version of Node. */
export function toMarkdown(summary, { rounds, machine }) {
  const nodes = [...new Set(summary.map(({ node }) => node))];
  const intro = `Medians (least–most), rounds: ${rounds}. ${machine}`;
  return [intro, ...nodes.map((node) => table(node, summary))].join('\n\n');
}

function table(node, summary) {
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
  const rows = summary.filter((each) => each.node === node).map(cells);
  return [`### Node ${node}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cells({ scenario: name, implementation, value, ratio, jsCpu, jsCpuRatio, cpu, serverBusy }) {
  const { title, unit } = findScenario(name);
  return [
    moreIsBetter(unit) ? title : `${title} (less is better)`,
    implementations[implementation].title,
    formatValue(value, unit),
    formatRatio(ratio),
    formatCpu(jsCpu, unit),
    formatRatio(jsCpuRatio),
    formatCpu(cpu, unit),
    formatShare(serverBusy),
  ];
}

function line(texts) {
  return `| ${texts.join(' | ')} |`;
}
