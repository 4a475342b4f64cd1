import { hash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type OperationPath, operationId } from "../../src/core/ids.ts";
import { shortMd5 } from "../../src/core/md5.ts";

const md5 = (text: string) => hash("md5", text, "hex").slice(0, 16);

test("a short text has the MD5 that Node gives it, and a longer one or one that is not ASCII has none", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60, unit: fc.oneof(fc.constantFrom("1", "-"), fc.string({ maxLength: 1 })) }),
      (text) => {
        const isShort = text.length <= 55 && /^[\0-\x7f]*$/.test(text);
        expect(shortMd5(text)).toBe(isShort ? md5(text) : undefined);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(["", "a".repeat(55), "a".repeat(56), "é"].map(shortMd5)).toEqual([
    md5(""),
    md5("a".repeat(55)),
    undefined,
    undefined,
  ]);
});

test("ids are the same, however many were made before", () => {
  for (let index = 1; index < 3_000; index++) {
    const path = `1-${index}-1`;
    expect(operationId(path as OperationPath)).toBe(md5(path));
  }
  const deep = "1-".repeat(40) as OperationPath;
  expect(operationId(deep)).toBe(md5(deep));
});
