export { DurableExecutionInvocationInputWithClient } from "./client/client.ts";
