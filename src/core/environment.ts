/** The environment variables that the package reads, except those of settings. No other file reads `process.env`. */
export interface Environment {
  /**
   * The function's name. When the name is set, the process belongs to Lambda, which freezes the process between
   * invocations.
   */
  readonly AWS_LAMBDA_FUNCTION_NAME?: string | undefined;
  /**
   * The address from which the process gets Lambda's events. When this variable and the function's name are set, the
   * AWS client is loaded while the process starts.
   */
  readonly AWS_LAMBDA_RUNTIME_API?: string | undefined;
  /** The function's memory in megabytes, which decides how many threads `workers` has. */
  readonly AWS_LAMBDA_FUNCTION_MEMORY_SIZE?: string | undefined;
  /**
   * The lowest level that the logger of contexts writes: `DEBUG`, `INFO`, `WARN` or `ERROR`. Without the variable, all
   * levels are written.
   */
  readonly AWS_LAMBDA_LOG_LEVEL?: string | undefined;
  /** The number of attempts of each request to AWS, the first one included. Without the variable, 4. */
  readonly AWS_MAX_ATTEMPTS?: string | undefined;
  /** Modules of plugins, with commas between them. */
  readonly DURABLE_EXECUTION_PLUGINS?: string | undefined;
  /** With `true`, the runtime reports its work through `console.debug`. */
  readonly DURABLE_VERBOSE_MODE?: string | undefined;
  /** The folder of the function's code. Modules of plugins are also searched in this folder. */
  readonly LAMBDA_TASK_ROOT?: string | undefined;
  /** When set, the command line shows the stack of an error, as with `--verbose`. */
  readonly DEBUG?: string | undefined;
  /** With `dumb`, the command line shows progress as lines instead of bars. */
  readonly TERM?: string | undefined;
  /** The npm command that started the command line. Hints suggest further commands in the same form. */
  readonly npm_command?: string | undefined;
  /** The npm script that started the command line. Hints suggest further commands in the same form. */
  readonly npm_lifecycle_event?: string | undefined;
  [setting: `DURABLE_FANOUT_${string}`]: string | undefined;
}

export function environment(): Environment {
  return process.env;
}

/** Whether this process belongs to Lambda, which freezes the process and its timers between invocations. */
export function isLambda(variables = environment()): boolean {
  return Boolean(variables.AWS_LAMBDA_FUNCTION_NAME);
}

/** Whether this process gets events from Lambda: false in tests that set only the name of the function. */
export function isServingLambda(): boolean {
  return isLambda() && Boolean(environment().AWS_LAMBDA_RUNTIME_API);
}
