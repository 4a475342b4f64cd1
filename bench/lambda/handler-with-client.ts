import { LambdaClient } from "@aws-sdk/client-lambda";
import { makeHandlers } from "./handlers.ts";

const client = new LambdaClient({});

export const { hello, map, batch } = makeHandlers({ client });
