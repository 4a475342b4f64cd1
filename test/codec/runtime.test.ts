import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const CODEC = new URL("../../src/codec/codec.ts", import.meta.url).href;

/** Runs a script in a Node of its own, the codec imported, and gives back what it printed. */
async function inNode(flags: string[], script: string): Promise<string> {
  const source = `import { createCodec } from ${JSON.stringify(CODEC)};\n${script}`;
  const { stdout } = await run(process.execPath, [...flags, "--input-type=module", "--eval", source]);
  return stdout.trim();
}

/** What a Node before 22.15 looks like to the codec. */
const WITHOUT_ZSTD = `data:text/javascript,${encodeURIComponent(
  'import zlib from "node:zlib"; import { syncBuiltinESMExports } from "node:module";' +
    "delete zlib.zstdCompressSync; delete zlib.zstdDecompressSync; syncBuiltinESMExports();",
)}`;

const ROUND_TRIPS = `
  const rows = Array.from({ length: 1000 }, (_, id) => ({ id, name: "item-" + id, at: new Date(id) }));
  for (const name of ["json", "compact", "typed"]) {
    const codec = createCodec(name);
    const { payload, value } = codec.roundTrip(rows);
    if (JSON.stringify(codec.decode(payload)) !== JSON.stringify(value)) throw new Error(name);
    console.log(name, payload.slice(0, 3));
  }`;

describe("the codecs work in a Node", () => {
  test("that compiles no code from strings", async () => {
    const printed = await inNode(["--disallow-code-generation-from-strings"], ROUND_TRIPS);
    expect(printed).toBe('json [{"\ncompact ~1z\ntyped ~1z');
  });

  test("without zstd, which writes what such a Node reads", async () => {
    expect(await inNode(["--import", WITHOUT_ZSTD], ROUND_TRIPS)).toBe('json [{"\ncompact ~1d\ntyped ~1d');
  });

  test("without zstd, which says so when it meets zstd", async () => {
    const script = `try { createCodec("json").decode("~1zKLUv_WByFrUAAHAibG9yZW0"); } catch (error) { console.log(error.code, error.message); }`;
    const printed = await inNode(["--import", WITHOUT_ZSTD], script);
    expect(printed).toMatch(
      /^ERR_PAYLOAD_UNREADABLE .*compressed with zstd, which Node v\S+ lacks; run Node 22\.15 or later/,
    );
  });
});
