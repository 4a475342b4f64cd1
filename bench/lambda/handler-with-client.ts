import { LambdaClient } from "@aws-sdk/client-lambda";
import { makeHandlers } from "./handlers.ts";

/** The client is created while the process starts, and not in the first invocation. */
const client = new LambdaClient({});

export const { hello, map, batch } = makeHandlers({ client });
