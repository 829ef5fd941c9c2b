'use strict';
// What the preload asks of an installed package. Packages are known by the name in their package.json, since a package
// manager may keep their files under any path.

const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

/** The root of the package that a file belongs to, if that is the named one; else null. */
function findRoot(filename, name) {
  for (let folder = dirname(filename); folder !== dirname(folder); folder = dirname(folder)) {
    // One without a name only says how the files of its folder are to be read.
    const found = readPackage(folder)?.name;
    if (found !== undefined) return found === name ? folder : null;
  }
  return null;
}

/** The file that `require()` of a package gets with the condition; null where its exports name none. */
function conditionalEntry(root, condition) {
  const { exports: targets } = readPackage(root);
  const target = pickTarget(targets?.['.'] ?? targets, [condition, 'node', 'require', 'default']);
  return target && join(root, target);
}

/** Whether the condition makes a difference to a package. */
function hasCondition(root, condition) {
  const asks = (targets) =>
    typeof targets === 'object' &&
    targets !== null &&
    Object.entries(targets).some(([key, below]) => key === condition || asks(below));
  return asks(readPackage(root).exports);
}

/** Conditional exports: the first key that holds decides, at every level. */
function pickTarget(targets, conditions) {
  if (typeof targets === 'string') return targets;
  const holding = Object.keys(targets ?? {}).filter((key) => conditions.includes(key));
  return holding.map((key) => pickTarget(targets[key], conditions)).find(Boolean) ?? null;
}

function readPackage(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return null;
  }
}

module.exports = { conditionalEntry, findRoot, hasCondition };
