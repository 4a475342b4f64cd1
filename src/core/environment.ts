/** The environment variables that the package reads. No other file reads `process.env`. */
export interface Environment {
  /** The function's name. */
  readonly AWS_LAMBDA_FUNCTION_NAME?: string | undefined;
  /** The address from which the process gets events of Lambda. */
  readonly AWS_LAMBDA_RUNTIME_API?: string | undefined;
  /** The function's memory in megabytes, which limits the default number of threads of `workers`. */
  readonly AWS_LAMBDA_FUNCTION_MEMORY_SIZE?: string | undefined;
  /**
   * The lowest level that the default logger writes. Without the variable, or with an unknown level, all are written.
   */
  readonly AWS_LAMBDA_LOG_LEVEL?: string | undefined;
  /** The attempts of each request of the shared AWS client, the first one included. Without the variable, 4. */
  readonly AWS_MAX_ATTEMPTS?: string | undefined;
  /** Modules of plugins, with commas between them. */
  readonly DURABLE_EXECUTION_PLUGINS?: string | undefined;
  /** With `true`, the runtime reports its work through `console.debug`. */
  readonly DURABLE_VERBOSE_MODE?: string | undefined;
  /** The folder in which modules of plugins are also searched. Without the variable, the current folder. */
  readonly LAMBDA_TASK_ROOT?: string | undefined;
  /** When not empty, the command line shows the stack of an error, as with `--verbose`. */
  readonly DEBUG?: string | undefined;
  /** With `dumb`, the command line shows progress as lines instead of bars. */
  readonly TERM?: string | undefined;
  /** The npm command that started the command line. The hint to resume a named execution repeats this command. */
  readonly npm_command?: string | undefined;
  /** The npm script that started the command line. The hint to resume a named execution repeats this script. */
  readonly npm_lifecycle_event?: string | undefined;
  /** The text of this script, which shows whether the npm command had further arguments. */
  readonly npm_lifecycle_script?: string | undefined;
  /** The package manager that runs the script. Hints suggest commands of npm only. */
  readonly npm_config_user_agent?: string | undefined;
  [setting: `DURABLE_FANOUT_${string}`]: string | undefined;
}

export function environment(): Environment {
  return process.env;
}

export function isLambda(variables = environment()): boolean {
  return Boolean(variables.AWS_LAMBDA_FUNCTION_NAME);
}

/** Whether this process gets events from Lambda. False in tests that set only the name of the function. */
export function isServingLambda(): boolean {
  return isLambda() && Boolean(environment().AWS_LAMBDA_RUNTIME_API);
}
