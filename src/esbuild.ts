export {
  durableFanout,
  type EsbuildPlugin,
} from "./bundling/esbuild-plugin.ts";
