import { expect, test } from "vitest";
import { Recent } from "../../src/codec/recent.ts";

const never = () => expect.unreachable("It was made before.");

test("makes nothing twice that it was lately asked for", () => {
  const recent = new Recent();
  for (const text of ["a", "b"]) expect(recent.of(text, () => text.toUpperCase())).toBe(text.toUpperCase());
  for (const text of ["a", "b"]) expect(recent.of(text, never)).toBe(text.toUpperCase());
});

test("forgets the oldest, and keeps nothing long", () => {
  const recent = new Recent();
  const made: string[] = [];
  const ask = (text: string) =>
    recent.of(text, () => {
      made.push(text.slice(0, 4));
      return text;
    });
  for (let i = 0; i < 2_000; i++) ask(`${i}`.padStart(4).padEnd(2_000));
  made.length = 0;
  for (const i of [0, 1_800, 1_999]) ask(`${i}`.padStart(4).padEnd(2_000));
  for (let i = 0; i < 2; i++) ask("long".padEnd(10_000));
  expect(made).toEqual(["   0", "long", "long"]);
});
