/** The members that are not undefined: those that JSON keeps. */
export function defined<Members extends object>(members: Members): Members {
  const kept: Partial<Members> = {};
  for (const key in members) if (members[key] !== undefined) kept[key] = members[key];
  return kept as Members;
}
