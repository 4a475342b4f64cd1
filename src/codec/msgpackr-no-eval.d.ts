/** msgpackr has this build, which compiles no code, but no types for it. */
declare module "msgpackr/index-no-eval" {
  export { Packr, RESET_BUFFER_MODE, Unpackr } from "msgpackr";
}
