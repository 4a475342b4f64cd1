declare const pathBrand: unique symbol;
declare const idBrand: unique symbol;

/** Where an operation stands in the code: `1`, `2-1`, `2-3-1`. Never sent. */
export type OperationPath = string & { readonly [pathBrand]: true };

/** What the service knows an operation by: 16 hex characters made from its path. */
export type OperationId = string & { readonly [idBrand]: true };

/** The path of the `index`-th operation (from 1) created in a context; the root context has no path. */
export function childPath(parent: OperationPath | undefined, index: number): OperationPath {
  return (parent === undefined ? `${index}` : `${parent}-${index}`) as OperationPath;
}

// Loaded with this module: each execution needs it, and its first answer need not wait for that.
const { hash } = process.getBuiltinModule("node:crypto");

/** The first 16 hex digits of the path's MD5, as every SDK computes it. */
export function operationId(path: OperationPath): OperationId {
  return hash("md5", path, "hex").slice(0, 16) as OperationId;
}
