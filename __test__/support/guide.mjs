// The code blocks of a document, for the tests that run them. A block in a language with comments is a file if its first
// line is a comment with a path; a block in `sh` is a run of commands.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.mjs';

const FILE_NAME = /^(?:\/\/|#) ([\w./-]+\.\w+)\n/;

/** Opens a document by its path in the package. Blocks that were asked for count as used. */
export function openGuide(path) {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
    language,
    code,
    file: code.match(FILE_NAME)?.[1] ?? null,
    used: false,
  }));
  const use = (fits, what) => {
    const found = blocks.filter(fits);
    if (found.length !== 1) throw new Error(`${path} has ${found.length} blocks for ${what}`);
    found[0].used = true;
    return found[0].code;
  };

  return {
    text,

    /** The text of the file. */
    file: (name) => use((block) => block.file === name, name),

    /** Every file, as texts by their path. */
    files() {
      const files = blocks.filter(({ file }) => file !== null);
      for (const block of files) block.used = true;
      return Object.fromEntries(files.map(({ file, code }) => [file, code]));
    },

    /** The block that contains the text, in the given language. */
    block: (language, part) => use((block) => block.language === language && block.code.includes(part), part),

    /** The commands that contain the text. */
    commands: (part) => use((block) => block.language === 'sh' && block.code.includes(part), part),

    /** The first lines of the blocks that nobody asked for. */
    get unused() {
      return blocks.filter(({ used }) => !used).map(({ code }) => code.split('\n')[0]);
    },
  };
}
