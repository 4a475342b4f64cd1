import type { LocalHandler } from "../local/local-execution.ts";
import type { HandlerModule } from "./handler-module.ts";

/** What a function says that was given Lambda's context and takes it for a durable one. */
const LACKS =
  /\b(?:step|map|parallel|wait|invoke|runInChildContext|createCallback|waitForCallback|waitForCondition|configureLogger) is not a function|\(reading '(?:info|warn|error|debug|all|allSettled|any|race)'\)/;

/**
 * A module's handler, whose execution ends at once where nothing makes a durable one of it: the service would try it
 * again. A function that gives a durable function's answers itself is one, whatever made it.
 */
export function wrappedHandler({ file, exportName, handler }: Omit<HandlerModule, "functionName">): LocalHandler {
  const advice = `The export "${exportName}" of ${file} is a plain function: wrap it in withDurableExecution.`;
  const refusal = { Status: "FAILED", Error: { ErrorType: "Error", ErrorMessage: advice } };
  return async (event, context) => {
    try {
      const answer = await handler(event, context);
      return typeof answer === "object" && answer !== null && "Status" in answer ? answer : refusal;
    } catch (error) {
      if (error instanceof TypeError && LACKS.test(error.message)) return refusal;
      throw error;
    }
  };
}
