/** `class OutOfStock extends Error`, and the same as an expression that a variable holds; at the top level of a module. */
const DERIVED = [
  /^(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+([\w$]+)(?:\s*<[^{}]*?>)?\s+extends\s+([\w$.]+)/gm,
  /^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*class(?:\s+[\w$]+)?\s+extends\s+([\w$.]+)/gm,
];

/** A class that says its name itself. */
const NAMES_ITSELF = /\bstatic\s+(?:override\s+|readonly\s+)*(?:get\s+)?["']?name\b/;

/** Of packages only these; of the user's own modules each derived class may be one. */
const ERROR_NAME = /Error|Exception|Fault/;

/**
 * Ends a module with statements that give its error classes their names, which a minifier takes: by them a class of the
 * main thread is found for what a thread has thrown. `keepNames` of esbuild would do so for each function of the bundle.
 * A name that the expressions take from a comment or a string is declared nowhere, and its statement does nothing.
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
