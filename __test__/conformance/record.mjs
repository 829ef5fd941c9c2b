// Records what workerd does: `node __test__/conformance/record.mjs`. Look at the difference before it is committed: every
// line of it is a change of the reference.

import { writeFile } from 'node:fs/promises';
import { observeReference } from './run.mjs';

const seen = await observeReference();
const lines = Object.entries(seen).map(([name, outcome]) => `${JSON.stringify({ name, outcome })}\n`);
await writeFile(new URL('./recorded.jsonl', import.meta.url), lines.join(''));
