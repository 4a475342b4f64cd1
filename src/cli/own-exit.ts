let isOwn = false;

/** Ends the process. If the handler ends the process instead, `isExitOwn` is false. */
export function exitByItself(code: number): never {
  isOwn = true;
  process.exit(code);
}

export function isExitOwn(): boolean {
  return isOwn;
}
