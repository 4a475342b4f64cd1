/** Why an invocation ends before its handler does. */
export type Termination =
  /** Everything waits: answer PENDING. */
  | { readonly end: "suspend" }
  /** The execution cannot go on: answer FAILED. */
  | { readonly end: "fail"; readonly error: unknown }
  /** The invocation cannot go on: reject, and the service invokes again. */
  | { readonly end: "reject"; readonly error: unknown };
