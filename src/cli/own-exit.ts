let isOwn = false;

/** Ends the process for the command line. Every other exit comes from the handler, and `isExitOwn` is then false. */
export function exitByItself(code: number): never {
  isOwn = true;
  process.exit(code);
}

export function isExitOwn(): boolean {
  return isOwn;
}
