/** The environment variables that the package reads, beside those of settings. No other file reads `process.env`. */
export interface Environment {
  /** The function's name. Where it is set, the process is Lambda's: between invocations it stands still. */
  readonly AWS_LAMBDA_FUNCTION_NAME?: string | undefined;
  /** Where Lambda's events come from. Where it is set too, the AWS client is loaded while the process starts. */
  readonly AWS_LAMBDA_RUNTIME_API?: string | undefined;
  /** The function's memory in megabytes, which decides how many threads `workers` has. */
  readonly AWS_LAMBDA_FUNCTION_MEMORY_SIZE?: string | undefined;
  /** The least level that the logger of contexts writes: `DEBUG`, `INFO`, `WARN` or `ERROR`. Without it, all are written. */
  readonly AWS_LAMBDA_LOG_LEVEL?: string | undefined;
  /** Attempts of each request to AWS, the first included. Without it, 4. */
  readonly AWS_MAX_ATTEMPTS?: string | undefined;
  /** Modules of plugins, with commas between them. */
  readonly DURABLE_EXECUTION_PLUGINS?: string | undefined;
  /** With `true`, what the runtime does is told through `console.debug`. */
  readonly DURABLE_VERBOSE_MODE?: string | undefined;
  /** The folder of the function's code. Modules of plugins are looked for there too. */
  readonly LAMBDA_TASK_ROOT?: string | undefined;
  /** Where it is set, the command line shows the stack of an error, as with `--verbose`. */
  readonly DEBUG?: string | undefined;
  /** With `dumb`, the command line shows progress as lines, not as bars. */
  readonly TERM?: string | undefined;
  /** With which command npm has started the command line. Hints of how to go on name the same one. */
  readonly npm_command?: string | undefined;
  /** Which script npm has started. Hints of how to go on name the same one. */
  readonly npm_lifecycle_event?: string | undefined;
  [setting: `DURABLE_FANOUT_${string}`]: string | undefined;
}

/** The variables of this process, as they are now. */
export function environment(): Environment {
  return process.env;
}

/** Whether this is Lambda: between invocations the process stands still, and its timers with it. */
export function isLambda(variables = environment()): boolean {
  return Boolean(variables.AWS_LAMBDA_FUNCTION_NAME);
}

/** Whether events come to this process from Lambda, which tests that set the function's name do not make so. */
export function isServingLambda(): boolean {
  return isLambda() && Boolean(environment().AWS_LAMBDA_RUNTIME_API);
}
