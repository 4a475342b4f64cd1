/** msgpackr has a build without code generation, but no types for that build. */
declare module "msgpackr/index-no-eval" {
  export { Packr, RESET_BUFFER_MODE, Unpackr } from "msgpackr";
}
