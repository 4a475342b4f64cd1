declare const pathBrand: unique symbol;
declare const idBrand: unique symbol;

/**
 * The position of an operation in the code: `1`, `2-1`, `2-3-1`. The service gets the hash of the path instead
 * (`OperationId`).
 */
export type OperationPath = string & { readonly [pathBrand]: true };

/** The service identifies an operation by this id: 16 hex characters made from the path. */
export type OperationId = string & { readonly [idBrand]: true };

/**
 * The path of the operation that a context creates as number `index`, counted from 1. `parent` is the path of the
 * context, and undefined for the root context.
 */
export function childPath(parent: OperationPath | undefined, index: number): OperationPath {
  return (parent === undefined ? `${index}` : `${parent}-${index}`) as OperationPath;
}

// `node:crypto` is loaded together with this file, because each execution needs `node:crypto`. Otherwise the first
// response would wait until it is loaded.
const { hash } = process.getBuiltinModule("node:crypto");

/** The first 16 hex digits of the path's MD5, as in all official SDKs. */
export function operationId(path: OperationPath): OperationId {
  return hash("md5", path, "hex").slice(0, 16) as OperationId;
}
