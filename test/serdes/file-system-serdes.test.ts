import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as official from "@aws/durable-execution-sdk-js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createFileSystemSerdes,
  FileSystemPathEncoding,
  type FileSystemSerdesConfig,
  FileSystemSerdesMode,
} from "../../src/serdes/file-system-serdes.ts";
import { buildPreview } from "../../src/serdes/preview.ts";
import { exploring } from "../support/exploration.ts";

const ARN =
  "arn:aws:lambda:eu-west-1:123456789012:function:orders:$LATEST/durable-execution/order-17/0f3c1f6e-5d7b-4c1a";
const context = { entityId: "2-1", durableExecutionArn: ARN };

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "file-system-serdes-"));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const ours = (config?: FileSystemSerdesConfig) => createFileSystemSerdes(base, config);
const theirs = (config?: FileSystemSerdesConfig) =>
  official.createFileSystemSerdes(base, config as official.FileSystemSerdesConfig);
const fileOf = (payload: string | undefined): string => JSON.parse(payload ?? "{}").file;

describe("a file system serdes", () => {
  test("writes each value to a file named after execution and operation", async () => {
    const payload = await ours().serialize({ total: 3 }, context);
    const file = join(base, "orders", "order-17", "0f3c1f6e-5d7b-4c1a", "2-1.json");
    expect(payload).toBe(JSON.stringify({ file }));
    expect(readFileSync(file, "utf8")).toBe('{"total":3}');
    expect(await ours().deserialize(payload, context)).toEqual({ total: 3 });
  });

  test("has no payload for undefined, functions and symbols", async () => {
    for (const storageMode of Object.values(FileSystemSerdesMode)) {
      for (const value of [undefined, () => 1, Symbol("s")]) {
        expect(await ours({ storageMode }).serialize(value, context)).toBeUndefined();
      }
    }
    expect(await ours().deserialize(undefined, context)).toBeUndefined();
  });

  test("keeps small values inline when only the overflow goes to files", async () => {
    const serdes = ours({ storageMode: FileSystemSerdesMode.OVERFLOW });
    const small = await serdes.serialize({ a: 1 }, context);
    expect(small).toBe('{"data":"{\\"a\\":1}"}');
    expect(await serdes.deserialize(small, context)).toEqual({ a: 1 });

    const largest = await serdes.serialize("x".repeat(261_105), context);
    expect(largest).toHaveLength(261_120);
    expect(await serdes.deserialize(largest, context)).toHaveLength(261_105);
    const larger = await serdes.serialize("x".repeat(261_106), context);
    expect(larger).toContain('{"file":');
    expect(await serdes.deserialize(larger, context)).toHaveLength(261_106);
  });

  test("hashes names that are too long for a file", async () => {
    const long = { ...context, entityId: "x".repeat(300) };
    await expect(ours().serialize(1, long)).rejects.toMatchObject({
      code: "ERR_PAYLOAD_FILE_WRITE",
      message: expect.stringContaining("FileSystemPathEncoding.HASH"),
    });
    const serdes = ours({ pathEncoding: FileSystemPathEncoding.HASH });
    const payload = await serdes.serialize(1, long);
    expect(fileOf(payload).slice(base.length)).toMatch(/^[/\\][0-9a-f]{64}[/\\][0-9a-f]{64}\.json$/);
    expect(await serdes.deserialize(payload, long)).toBe(1);
  });

  test("adds a preview to what points to a file", async () => {
    const generatePreview = (value: unknown) =>
      buildPreview(value, { mode: "EXCLUDE_ALL", include: [{ name: "id" }], mask: [{ name: "email" }] });
    const value = { id: 1, email: "a@example.com", rest: "r" };
    const payload = await ours({ generatePreview }).serialize(value, context);
    expect(JSON.parse(payload ?? "")).toEqual({ file: fileOf(payload), preview: { id: 1, email: "***" } });
    expect(await ours().deserialize(payload, context)).toEqual(value);
    expect(await ours({ generatePreview }).serialize({ rest: 1 }, context)).not.toContain("preview");
    const inline = await ours({ generatePreview, storageMode: "OVERFLOW" }).serialize(value, context);
    expect(inline).not.toContain("preview");
  });

  test("replaces a value whole, however many write it, and leaves nothing else behind", async () => {
    const values = Array.from({ length: 20 }, (_, i) => String(i).repeat(50_000));
    const folder = { ...context, durableExecutionArn: "many-writers" };
    const serdes = ours();
    const first = await serdes.serialize("first", folder);
    const writing = values.map((value) => serdes.serialize(value, folder));
    const reading = values.map(() => serdes.deserialize(first, folder));
    for (const read of await Promise.all(reading)) expect(["first", ...values]).toContain(read);
    for (const payload of await Promise.all(writing)) expect(payload).toBe(first);
    expect(values).toContain(await serdes.deserialize(first, folder));
    expect(readdirSync(dirname(fileOf(first)))).toEqual(["2-1.json"]);
  });

  test("stays below its folder whatever the execution is called", async () => {
    for (const arn of ["..", ".", ARN.replace("order-17", ".."), ARN.replace(":orders:", ":..:")]) {
      const payload = await ours().serialize(1, { ...context, durableExecutionArn: arn });
      expect(fileOf(payload).startsWith(join(base, "/"))).toBe(true);
      expect(fileOf(payload).slice(base.length)).toContain("%2E");
    }
  });
});

describe("a file system serdes says what is wrong", () => {
  test("when a file is missing", async () => {
    const file = join(base, "gone", "1.json");
    await expect(ours().deserialize(JSON.stringify({ file }), context)).rejects.toMatchObject({
      code: "ERR_PAYLOAD_FILE_MISSING",
      message: expect.stringMatching(/operation 2-1 .*gone.1\.json/),
      cause: { code: "ENOENT" },
    });
  });

  test("when a file is no JSON, or no file", async () => {
    const file = join(base, "damaged.json");
    writeFileSync(file, '{"half":');
    for (const bad of [file, base]) {
      await expect(ours().deserialize(JSON.stringify({ file: bad }), context)).rejects.toMatchObject({
        code: "ERR_PAYLOAD_FILE_READ",
        message: expect.stringContaining(bad),
      });
    }
  });

  test("when there is no writing where it should", async () => {
    const file = join(base, "a-file");
    writeFileSync(file, "");
    await expect(createFileSystemSerdes(file).serialize(1, context)).rejects.toMatchObject({
      code: "ERR_PAYLOAD_FILE_WRITE",
      message: expect.stringContaining(join(file, "orders")),
    });
  });

  test.each(["", "null", "5", '"text"', "[]", "{}", '{"other":1}', '{"file":5}', '{"data":{"a":1}}', "{bad"])(
    "when a payload is not its own: %s",
    async (payload) => {
      await expect(ours().deserialize(payload, context)).rejects.toMatchObject({ code: "ERR_PAYLOAD_ENVELOPE" });
    },
  );

  test("when it is set up with unknown words", () => {
    expect(() => ours({ storageMode: "SOMETIMES" as "ALWAYS" })).toThrow(/storageMode is "SOMETIMES"/);
    expect(() => ours({ pathEncoding: "PLAIN" as "URI" })).toThrow(/pathEncoding is "PLAIN"/);
  });
});

describe("compared with the official serdes", () => {
  const configs = Object.values(FileSystemSerdesMode).flatMap((storageMode) =>
    Object.values(FileSystemPathEncoding).map((pathEncoding) => ({ storageMode, pathEncoding })),
  );
  // Without lone surrogates, which encodeURIComponent refuses, and NUL, which no file system takes.
  const fits = (text: string) => !text.includes("\0") && encodeURIComponent(text).length < 250;
  const part = fc.string({ unit: "grapheme", maxLength: 6 }).filter(fits);
  const arn = fc
    .oneof(
      fc.constantFrom(ARN, ARN.replace("$LATEST", "5"), ARN.replace("aws", "aws-cn"), `${ARN}/more`, "simple"),
      fc.tuple(part, part, part, part).map(([a, b, c, d]) => {
        return `arn:aws:lambda:eu:1:function:${a}:${b}/durable-execution/${c}/${d}`;
      }),
      part,
    )
    .filter(fits)
    // A folder named by dots leads the official serdes out of its base.
    .filter((text) => !text.split(/[:/]/).some((folder) => folder === "." || folder === ".."));

  test.each(configs)("$storageMode with $pathEncoding: writes the same, and each reads the other", async (config) => {
    await fc.assert(
      fc.asyncProperty(arn, part, fc.jsonValue({ maxDepth: 2 }), async (durableExecutionArn, entityId, value) => {
        const where = { durableExecutionArn, entityId };
        const settings = {
          ...config,
          generatePreview: (shown: unknown) => buildPreview(shown, { mode: "INCLUDE_ALL" }),
        };
        const [we, they] = [ours(settings), theirs(settings)];
        const written = await we.serialize(value, where);
        const read = await they.deserialize(written, where);
        expect(await they.serialize(value, where)).toBe(written);
        expect(await we.deserialize(written, where)).toStrictEqual(read);
        expect(JSON.stringify(read)).toBe(JSON.stringify(value));
      }),
      exploring(40),
    );
  });

  test.each([
    "x".repeat(261_105),
    "x".repeat(261_106),
    "é".repeat(130_552),
    "é".repeat(130_553),
    '"'.repeat(65_276),
    '"'.repeat(65_277),
  ])("turns to a file at the same size", async (value) => {
    const config = { storageMode: FileSystemSerdesMode.OVERFLOW };
    expect(await ours(config).serialize(value, context)).toBe(await theirs(config).serialize(value, context));
  });

  test("has the same words", () => {
    expect({ ...official.FileSystemSerdesMode }).toEqual(FileSystemSerdesMode);
    expect({ ...official.FileSystemPathEncoding }).toEqual(FileSystemPathEncoding);
  });
});
