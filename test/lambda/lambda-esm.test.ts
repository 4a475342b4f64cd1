import { lambdaSuite } from "./lambda-suite.ts";

lambdaSuite("esm");
