// docs/errors.md names every code that the sources give, and no other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentedCodes, sourceCodes, typedCodes } from './support/extra-errors.mjs';

test('[B5] docs/errors.md explains exactly the codes that the sources give to errors', () => {
  const sources = sourceCodes();
  assert.ok(sources.length > 50, 'the sources were read');
  assert.deepEqual(documentedCodes(), sources);
});

test('[A4] [B5] every code that the types name is explained there', () => {
  const documented = documentedCodes();
  assert.ok(typedCodes().length > 20, 'the types were read');
  assert.deepEqual(
    typedCodes().filter((code) => !documented.includes(code)),
    [],
  );
});
