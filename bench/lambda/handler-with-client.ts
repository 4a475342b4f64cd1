import { LambdaClient } from "@aws-sdk/client-lambda";
import { makeHandlers } from "./handlers.ts";

/** Made while the process starts. */
const client = new LambdaClient({});

export const { hello, map, batch } = makeHandlers({ client });
