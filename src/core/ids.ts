declare const pathBrand: unique symbol;
declare const idBrand: unique symbol;

/** The position of an operation in the code: `1`, `2-1`, `2-3-1`. A path is never sent. */
export type OperationPath = string & { readonly [pathBrand]: true };

/** The name by which the service knows an operation: 16 hex characters made from the path. */
export type OperationId = string & { readonly [idBrand]: true };

/** The path of the `index`-th operation (from 1) created in a context; the root context has no path. */
export function childPath(parent: OperationPath | undefined, index: number): OperationPath {
  return (parent === undefined ? `${index}` : `${parent}-${index}`) as OperationPath;
}

// Loaded together with this module: each execution needs the module, and the first answer must not wait for it.
const { hash } = process.getBuiltinModule("node:crypto");

/** The first 16 hex digits of the path's MD5, as every SDK computes it. */
export function operationId(path: OperationPath): OperationId {
  return hash("md5", path, "hex").slice(0, 16) as OperationId;
}
