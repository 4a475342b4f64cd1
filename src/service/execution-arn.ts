import { createHash, randomUUID } from "node:crypto";

export function newExecutionArn(functionName: string, executionName: string): string {
  const id = randomUUID();
  return `${functionArn(functionName)}:$LATEST/durable-execution/${executionName}/${id}`;
}

export function functionArn(functionName: string): string {
  return `arn:aws:lambda:local:000000000000:function:${functionName}`;
}

/** The id of the EXECUTION operation. It is computed from the ARN, so that it is the same after a restart. */
export function executionIdOf(arn: string): string {
  const hex = createHash("sha256").update(arn).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
