'use strict';
// Checks of configuration objects, whose every member is known.

const { invalidType, invalidValue } = require('./errors.js');

/** Throws for what is no plain object: what a class or a Map holds would be overlooked. */
function expectObject(value, field) {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || !isPlain(value)) {
    throw invalidType(field, 'an object', value);
  }
}

/** Of any realm: without a prototype, or with one that has none. */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Throws for a member that is not among the known ones, and for null, which says nothing that leaving it out does not. */
function expectMembers(object, known, field) {
  const prefix = field === '' ? '' : `${field}.`;
  for (const [name, value] of Object.entries(object)) {
    if (!known.includes(name)) throw invalidValue(`${prefix}${name}`, `is no setting; there are ${known.join(', ')}`);
    if (value === null) throw invalidType(`${prefix}${name}`, 'a value or left out', value);
  }
}

/** A member of an object that somebody else made, but not what was slipped into the prototype of every object. */
function memberOf(object, name) {
  const value = object[name];
  return name in Object.prototype && value === Object.prototype[name] && !Object.hasOwn(object, name)
    ? undefined
    : value;
}

module.exports = { expectMembers, expectObject, memberOf };
