/** Match `class OutOfStock extends Error` at the start of a line, also as `const OutOfStock = class …`. */
const DERIVED = [
  /^(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+([\w$]+)(?:\s*<[^{}]*?>)?\s+extends\s+([\w$.]+)/gm,
  /^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*class(?:\s+[\w$]+)?\s+extends\s+([\w$.]+)/gm,
];

/** Matches a static member `name`. A module with this member is not changed at all, even if it has further classes. */
const NAMES_ITSELF = /\bstatic\s+(?:override\s+|readonly\s+)*(?:get\s+)?["']?name\b/;

/** In `node_modules`, a derived class gets its name only if this matches its name or the name of its base class. */
const ERROR_NAME = /Error|Exception|Fault/;

/**
 * Appends statements that give the derived classes of a module their names, because a minifier changes these names. The
 * main thread needs the name to find the class of an error from a thread. esbuild's `keepNames` is not used, because it
 * adds code for every function of the bundle. If an expression matches a comment or a string, and no class or function
 * has the matched name, the statement does nothing.
 */
export function withClassNames(source: string, isPackage: boolean): string {
  if (NAMES_ITSELF.test(source)) return source;
  const names = new Set<string>();
  for (const expression of DERIVED) {
    for (const [, name = "", base = ""] of source.matchAll(expression)) {
      if (!isPackage || ERROR_NAME.test(name) || ERROR_NAME.test(base)) names.add(name);
    }
  }
  if (names.size === 0) return source;
  const statements = [...names].map(
    (name) => `typeof ${name} === "function" && Object.defineProperty(${name}, "name", { value: "${name}" });`,
  );
  return `${source}\n;${statements.join("\n")}\n`;
}
