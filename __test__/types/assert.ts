/** True for one and the same type: `any`, and a type that is merely assignable, are told apart. */
export type Equal<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Compiles when the type argument is true. */
export function assert<_Claim extends true>(): void {}

/** Compiles when the value is assignable to the type argument. */
export function accept<Type>(_value: Type): void {}
