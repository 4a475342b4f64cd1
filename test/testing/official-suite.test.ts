import { createRequire } from "node:module";
import * as vitest from "vitest";
import * as sdk from "../../src/index.ts";
import * as testing from "../../src/testing.ts";

const suite = createRequire(import.meta.url)("../support/official-runner.suite.cjs") as (parts: object) => void;

// What the official testing library's tests are: on this package's runner, only their import differs.
for (const skipTime of ["true", "false"]) {
  process.env["SKIP_TIME"] = skipTime;
  suite({ sdk, testing, ...vitest });
}
