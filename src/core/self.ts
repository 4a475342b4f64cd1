/**
 * The member by which an object that user code is given finds itself. People wrap such objects, in a `Proxy` or by
 * `Object.create`, and a method that is called on the wrapper does not find the private members there.
 */
export const SELF = Symbol("self");
