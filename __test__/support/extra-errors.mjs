// The codes of errors, as the documentation names them and as the sources do.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.mjs';

/** Codes of Node, of the system and of this package, such as `ECONNRESET` and `ERR_SOCKET_TLS_ALERT`. */
const CODE =
  '(?:ERR|CERT|CA|EE|EAI|UNABLE|DEPTH|SELF|INVALID|PATH|PERMITTED|EXCLUDED|UNHANDLED|UNSUPPORTED)_[A-Z0-9_]+|E[A-Z0-9]{2,}';

/** The codes that docs/errors.md explains, sorted. */
export function documentedCodes() {
  return codesIn(readFileSync(join(root, 'docs', 'errors.md'), 'utf8'), '`');
}

/** The codes that the types of the package name, sorted. */
export function typedCodes() {
  const [, union] = readFileSync(join(root, 'index.d.ts'), 'utf8').split('type SocketErrorCode =');
  return codesIn(union.split(';')[0], "'");
}

/** The codes that the sources give to errors, sorted. */
export function sourceCodes() {
  const rust = readAll('src', '.rs').map((source) => codesIn(source.split('#[cfg(test)]')[0], '"'));
  const script = readAll('lib', '.js').map((source) => codesIn(withoutComparisons(source), "'"));
  return [...new Set([...rust, ...script].flat())].sort();
}

/** A code that is compared with, or a word looked for, belongs to somebody else's error. */
function withoutComparisons(source) {
  return source.replace(/(?:[!=]== |includes\()'[A-Z_]+'/g, '');
}

function codesIn(text, quote) {
  const found = text.matchAll(new RegExp(`${quote}(${CODE})${quote}`, 'g'));
  return [...new Set(Array.from(found, ([, code]) => code))].sort();
}

function readAll(folder, extension) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith(extension))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'));
}
