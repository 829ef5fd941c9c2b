// The same behaviours in the package and in workerd, the reference: the package must do as recorded, but for differences on
// purpose; workerd must do as recorded, so that a change of it is seen.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { names } from './conformance/behaviours.mjs';
import { differences } from './conformance/differences.mjs';
import { NOT_HERE } from './conformance/observe.mjs';
import { observePackage, observeReference } from './conformance/run.mjs';
import { NoReference } from './support/workerd.mjs';

const lines = readFileSync(new URL('./conformance/recorded.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const recorded = Object.fromEntries(lines.map((line) => JSON.parse(line)).map(({ name, outcome }) => [name, outcome]));
const timeout = 120_000;

/** Whether an outcome is the recorded one, but that a SocketError may stand for an Error or a TypeError. */
function agrees(seen, expected) {
  if (typeof seen === 'string')
    return ['SocketError', 'Error', 'TypeError'].some((kind) => withKind(seen, kind) === expected);
  if (seen === null || expected === null || typeof seen !== 'object' || typeof expected !== 'object') {
    return seen === expected;
  }
  const keys = Object.keys(expected);
  return keys.length === Object.keys(seen).length && keys.every((key) => agrees(seen[key], expected[key]));
}

function withKind(outcome, kind) {
  return outcome.replace(/: SocketError$/, `: ${kind}`);
}

test('every behaviour is recorded, and every difference is one', () => {
  assert.deepEqual(Object.keys(recorded).sort(), [...names].sort());
  for (const [name, { reason, outcome }] of Object.entries(differences)) {
    assert.ok(names.includes(name), `there is no behaviour "${name}"`);
    assert.ok(reason, `${name} has no reason`);
    assert.ok(!agrees(outcome, recorded[name]), `${name} does not differ`);
  }
});

test('the package', { timeout }, async (t) => {
  const seen = await observePackage();
  for (const name of names) {
    await t.test(name, (t) => {
      if (seen[name] === NOT_HERE) return t.skip(NOT_HERE);
      if (name in differences) return assert.deepEqual(seen[name], differences[name].outcome);
      if (!agrees(seen[name], recorded[name])) assert.deepEqual(seen[name], recorded[name]);
    });
  }
});

test('workerd', { timeout }, async (t) => {
  let seen;
  try {
    seen = await observeReference();
  } catch (error) {
    // Where changes are accepted, the reference must be there.
    if (!(error instanceof NoReference) || process.env.CI) throw error;
    console.error(`NOT COMPARED WITH THE REFERENCE: ${error.message}`);
    return t.skip(error.message);
  }
  for (const name of names) await t.test(name, () => assert.deepEqual(seen[name], recorded[name]));
});
