let isOwn = false;

/** In a listener of the event `exit`, `isExitOwn` tells this exit from a `process.exit` of the handler. */
export function exitByItself(code: number): never {
  isOwn = true;
  process.exit(code);
}

export function isExitOwn(): boolean {
  return isOwn;
}
