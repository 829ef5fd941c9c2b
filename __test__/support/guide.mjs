// The code blocks of a document, for the tests that run them. A block in a language with comments is a file if its first
// line is a comment with a path; a block in `sh` is a run of commands.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.mjs';

const FILE_NAME = /^(?:\/\/|#) ([\w./-]+\.\w+)\n/;

/** Opens a document by its path in the package. docs.test.mjs sees to it that each block is asked for by a test. */
export function openGuide(path) {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
    language,
    code,
    file: code.match(FILE_NAME)?.[1] ?? null,
  }));
  const find = (fits, what) => {
    const fitting = blocks.filter(fits);
    const whole = fitting.filter(({ code }) => code.trim() === what);
    const found = whole.length > 0 ? whole : fitting;
    if (found.length !== 1) throw new Error(`${path} has ${found.length} blocks for ${what}`);
    return found[0].code;
  };

  return {
    text,
    blocks,

    /** Every file, as texts by their path. */
    files: () => Object.fromEntries(blocks.filter(({ file }) => file !== null).map(({ file, code }) => [file, code])),

    /** The text of one file. */
    file: (name) => find((block) => block.file === name, name),

    /** The commands that are the text, or else contain it. */
    commands: (part) => find((block) => block.language === 'sh' && block.code.includes(part), part),

    /** The block that contains the text and is neither. */
    block: (part) => find(({ language, file, code }) => language !== 'sh' && !file && code.includes(part), part),
  };
}
