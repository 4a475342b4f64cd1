/** `class OutOfStock extends Error`, or the same as an expression in a variable, at the top level of a module. */
const DERIVED = [
  /^(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+([\w$]+)(?:\s*<[^{}]*?>)?\s+extends\s+([\w$.]+)/gm,
  /^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*class(?:\s+[\w$]+)?\s+extends\s+([\w$.]+)/gm,
];

/** A class that declares its own name. */
const NAMES_ITSELF = /\bstatic\s+(?:override\s+|readonly\s+)*(?:get\s+)?["']?name\b/;

/** In packages only classes with such names count. In the user's own modules each derived class counts. */
const ERROR_NAME = /Error|Exception|Fault/;

/**
 * Appends statements to a module that give its error classes their names, because a minifier removes these names. By
 * its name the main thread finds the class of an error from a thread. esbuild's `keepNames` would do the same for each
 * function of the bundle. A name that the expressions find in a comment or string is not declared, and its statement
 * does nothing.
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
