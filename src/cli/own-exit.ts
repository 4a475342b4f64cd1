let isOwn = false;

/** Ends the process, as the command line means to: an end that it does not know of is the handler's. */
export function exitByItself(code: number): never {
  isOwn = true;
  process.exit(code);
}

export function isExitOwn(): boolean {
  return isOwn;
}
