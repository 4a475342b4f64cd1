import { types } from "node:util";
import { DurableError } from "../core/errors.ts";
import { copyOf } from "./cloning.ts";
import { textOf } from "./errors.ts";

/** A thrown value in a form for another thread. A clone of an error would lose its class and its own members. */
export type ThrownForm = { readonly value: unknown } | ErrorForm;

interface ErrorForm {
  /**
   * The name of the error's class, then the names of its base classes up to a built-in class of JavaScript. A class
   * without a name is left out.
   */
  readonly classes: readonly string[];
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause?: ThrownForm;
  readonly errors?: readonly ThrownForm[];
  /** The error's enumerable members that can be cloned, for example `code` or `statusCode`. */
  readonly members?: Readonly<Record<string, unknown>>;
}

// biome-ignore lint/suspicious/noExplicitAny: the constructor is never called, so its parameters do not matter.
export type ErrorClass = abstract new (...args: any[]) => Error;

const LANGUAGE: Readonly<Record<string, new (message?: string) => Error>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

/** An error at this depth of nesting is sent without its cause, its members, and the errors of an AggregateError. */
const MAX_DEPTH = 10;

const STANDARD_MEMBERS = new Set(["message", "stack", "cause", "errors"]);

/** Copies what it sends, because the thrower may change it before the form is posted. Never throws. */
export function encodeThrown(thrown: unknown, depth = 0): ThrownForm {
  try {
    if (isError(thrown)) return encodeError(thrown, depth);
  } catch {
    // A trap of a proxy threw, or the getter of a class's name.
  }
  return copyOf(thrown) ?? encodeError(new Error(`Thrown: ${textOf(thrown)}`), depth);
}

function encodeError(error: Error, depth: number): ErrorForm {
  const classes = classNames(error);
  const stack = read(error, "stack");
  const form = {
    ...{ classes, name: textOf(read(error, "name") ?? classes[0]), message: textOf(read(error, "message") ?? "") },
    stack: typeof stack === "string" ? stack : undefined,
  };
  if (depth >= MAX_DEPTH) return form;
  const members = Object.keys(error).flatMap((key) => {
    const copy = STANDARD_MEMBERS.has(key) ? undefined : copyOf(read(error, key));
    return copy === undefined ? [] : [[key, copy.value] as const];
  });
  const errors = error instanceof AggregateError ? read(error, "errors") : undefined;
  return {
    ...form,
    ...(Object.hasOwn(error, "cause") && { cause: encodeThrown(read(error, "cause"), depth + 1) }),
    ...(Array.isArray(errors) && { errors: errors.map((one) => encodeThrown(one, depth + 1)) }),
    ...(members.length > 0 && { members: Object.fromEntries(members) }),
  };
}

/** Undefined if a getter throws. */
function read(error: Error, key: string): unknown {
  try {
    return Reflect.get(error, key);
  } catch {
    return undefined;
  }
}

function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

function classNames(error: Error): string[] {
  const names: string[] = [];
  for (let at: unknown = Object.getPrototypeOf(error); at instanceof Object; at = Object.getPrototypeOf(at)) {
    const name: unknown = at.constructor?.name;
    if (typeof name !== "string" || name === "") continue;
    names.push(name);
    if (name in LANGUAGE || name === "AggregateError" || name === "DOMException") return names;
  }
  return [...names, "Error"];
}

/**
 * Restores a thrown value. The restorable classes are the built-in classes, `DurableError` and the classes in `known`;
 * a class is found by its name. An error of a restorable class becomes an instance of this class. Any other error
 * becomes an instance of a made class that has the same name and extends the nearest restorable base class.
 */
export function decodeThrown(form: ThrownForm, known: readonly ErrorClass[] = []): unknown {
  if (!("classes" in form)) return form.value;
  const { classes, name, message, stack, cause, errors = [], members } = form;
  const base = classes.at(-1) as string;
  const error = newError(base, name, message, () => errors.map((one) => decodeThrown(one, known)));
  const type = typeOf(classes, [...known, DurableError], error);
  if (type !== undefined) Object.setPrototypeOf(error, type.prototype);
  Object.assign(error, members);
  if (stack !== undefined) define(error, "stack", stack);
  if (cause !== undefined) define(error, "cause", decodeThrown(cause, known));
  if (error.name !== name) define(error, "name", name);
  return error;
}

function newError(base: string, name: string, message: string, errors: () => unknown[]): Error {
  if (base === "DOMException") return new DOMException(message, name);
  if (base === "AggregateError") return new AggregateError(errors(), message);
  return new (LANGUAGE[base] ?? Error)(message);
}

/** Undefined if `error` already has the class that it must have. */
function typeOf(classes: readonly string[], known: readonly ErrorClass[], error: Error): ErrorClass | undefined {
  for (const [above, name] of classes.entries()) {
    const type = known.find((one) => one.name === name);
    if (type !== undefined) return above === 0 ? type : classNamed(classes[0] as string, type);
  }
  return classes.length === 1 ? undefined : classNamed(classes[0] as string, error.constructor as ErrorClass);
}

const made = new WeakMap<ErrorClass, Map<string, ErrorClass>>();

/** Equal arguments give the same class, so that two errors of a class have the same `constructor`. */
function classNamed(name: string, Base: ErrorClass): ErrorClass {
  let named = made.get(Base);
  if (named === undefined) {
    named = new Map();
    made.set(Base, named);
  }
  let type = named.get(name);
  if (type === undefined) {
    type = { [name]: class extends Base {} }[name] as ErrorClass;
    named.set(name, type);
  }
  return type;
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, enumerable: false, writable: true });
}
