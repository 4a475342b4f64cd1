/** Whether this is Lambda: between invocations the process stands still, and its timers with it. */
export function isLambda(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(environment["AWS_LAMBDA_FUNCTION_NAME"]);
}

/** Whether events come to this process from Lambda, which tests that set the function's name do not make so. */
export function isServingLambda(environment: NodeJS.ProcessEnv = process.env): boolean {
  return isLambda(environment) && Boolean(environment["AWS_LAMBDA_RUNTIME_API"]);
}
