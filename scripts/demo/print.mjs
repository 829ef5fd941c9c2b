// What the demo shows. Colours only where a person is likely to look: on a terminal, and not against NO_COLOR.

import { X509Certificate } from 'node:crypto';
import { workloads } from './rounds.mjs';

const colours = { bold: 1, red: 31, green: 32, gray: 90 };
const coloured = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (colour, text) => (coloured ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text);
const dim = (text) => paint('gray', text);
const say = (...lines) => console.log(lines.join('\n'));

export function sayTitle(text, subtitle) {
  say(paint('bold', text), dim(subtitle));
}

/** One run of the job: the routes taken, then each step with its time. */
export function sayReport(title, { steps, connections }) {
  say('', paint('bold', title));
  sayFacts(routeFacts(connections[0]));
  if (connections.length > 1) sayFacts([['', dim(`and ${connections.length - 1} more connections like it`)]]);
  for (const { what, took, detail, rows } of steps) {
    const time = `${took.toFixed(1).padStart(8)} ms`;
    say(`  ${paint('green', '✔')} ${what.padEnd(38)}${time}${detail ? dim(`   ${detail}`) : ''}`);
    if (rows) say(...table(rows).map((line) => `      ${line}`));
  }
}

/** The upgrade without a driver. */
export function sayByHand({ tlsVersion, cipher, peerAddress }) {
  say('', paint('bold', 'connect() and startTls() by hand'));
  sayFacts([['opened', `${tlsVersion}, ${cipher}, peer ${peerAddress}`]]);
}

/** The medians of the rounds side by side. A round is `{ [route]: { [workload]: milliseconds } }`. */
export function sayComparison(rounds) {
  const routes = Object.keys(rounds[0]);
  const rows = Object.entries(workloads).map(([key, what]) => {
    const medians = routes.map((route) => [route, median(rounds.map((round) => round[route][key])).toFixed(1)]);
    return { milliseconds: what, ...Object.fromEntries(medians) };
  });
  say('', paint('bold', `Next to node:net: the same work, median of ${rounds.length} rounds in turn`));
  say(...table(rows).map((line) => `  ${line}`));
  say(dim('  A glance on a machine that also runs the server, and no benchmark.'));
}

export function sayDone(text) {
  say('', `${paint('green', '✔')} ${text}`);
}

export function sayFailure(text) {
  console.error(`\n${paint('red', '✖')} ${text}`);
}

function sayFacts(facts) {
  for (const [label, value] of facts) say(`  ${dim(label.padEnd(13))}${value}`);
}

function routeFacts({ server, native }) {
  const seen = `${server.address} port ${server.port}, ${security(server.tls && server.version, server.cipher)}`;
  return [...(native === null ? [['route', 'node:net']] : nativeFacts(native)), ['server saw', seen]];
}

function nativeFacts({ localAddress, peerAddress, tlsVersion, cipher, peerCertificate }) {
  return [
    ['route', `native addon, ${security(tlsVersion, cipher)}`],
    ['peer', `${peerAddress}, reached from ${localAddress}`],
    ...(peerCertificate ? [['certificate', identity(peerCertificate)]] : []),
  ];
}

function security(version, cipher) {
  return version ? `${version}, ${cipher}` : 'plaintext';
}

function identity(der) {
  const { subject, issuer, subjectAltName } = new X509Certificate(der);
  const signer = subject === issuer ? 'self-signed' : `issued by ${issuer}`;
  return `${subject}, ${signer}, ${subjectAltName ?? 'no alternative names'}`;
}

/** Rows of equal shape as lines, numbers to the right. */
function table(rows) {
  const names = Object.keys(rows[0]);
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const align = (text, column) =>
    Number.isNaN(Number(rows[0][names[column]])) ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  const [head, ...body] = cells.map((row) => row.map(align).join('   ').trimEnd());
  return [dim(head), ...body];
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
