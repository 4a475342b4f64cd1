declare const pathBrand: unique symbol;
declare const idBrand: unique symbol;

/** The position of an operation in the code: `1`, `2-1`, `2-3-1`. */
export type OperationPath = string & { readonly [pathBrand]: true };

/** The id of an operation at the service: 16 hex digits, made from the path. */
export type OperationId = string & { readonly [idBrand]: true };

/** The path of the operation number `index`, from 1, in the context `parent`. Undefined stands for the root context. */
export function childPath(parent: OperationPath | undefined, index: number): OperationPath {
  return (parent === undefined ? `${index}` : `${parent}-${index}`) as OperationPath;
}

// The module is loaded at the start of the process, so that the first response need not wait for the module.
const { hash } = process.getBuiltinModule("node:crypto");

/** The first 16 hex digits of the path's MD5, as in the official SDK. */
export function operationId(path: OperationPath): OperationId {
  return hash("md5", path, "hex").slice(0, 16) as OperationId;
}
