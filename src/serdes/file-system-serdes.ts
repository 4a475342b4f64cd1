import { DurableError } from "../core/errors.ts";
import type { AnySerdes, SerdesContext } from "../core/serdes.ts";

const { dirname, join } = process.getBuiltinModule("node:path");

/** Which values are written to a file. */
export const FileSystemSerdesMode = {
  /** Every value is written to a file, except a value that JSON cannot store, such as undefined. */
  ALWAYS: "ALWAYS",
  /** Only a value that needs more than 255 KiB in the checkpoint is written to a file. */
  OVERFLOW: "OVERFLOW",
} as const;
export type FileSystemSerdesMode = (typeof FileSystemSerdesMode)[keyof typeof FileSystemSerdesMode];

/** How the names of files and folders are made. */
export const FileSystemPathEncoding = {
  /**
   * `<function>/<execution>/<invocation>/<entity>.json`, or one folder with the encoded ARN if the ARN has an unknown
   * form. People can read these names. Their length depends on the names of the function and the execution.
   */
  URI: "URI",
  /**
   * `<SHA-256 of the ARN>/<SHA-256 of the entity>.json`, in hexadecimal digits. A name has at most 69 characters, even
   * if the function or the execution has a long name.
   */
  HASH: "HASH",
} as const;
export type FileSystemPathEncoding = (typeof FileSystemPathEncoding)[keyof typeof FileSystemPathEncoding];

export interface FileSystemSerdesConfig {
  /** Default `ALWAYS`. */
  storageMode?: FileSystemSerdesMode;
  /** Default `URI`. */
  pathEncoding?: FileSystemPathEncoding;
  /**
   * Makes a preview of a value that is written to a file. The preview is recorded in the checkpoint, so that people can
   * see a part of the value. Undefined means no preview. `buildPreview` can make a preview.
   */
  generatePreview?: (value: unknown) => Record<string, unknown> | undefined;
}

/** 255 KiB: 1 KiB less than the service accepts. The official package has the same limit. */
const MAX_INLINE_BYTES = 261_120;

/**
 * Makes a serdes that keeps values in JSON files in the folder `basePath`. The checkpoint contains the path of the
 * file: `{"file":"/mnt/efs/…/2-1.json"}`, and `"preview"` if a preview is generated. With `OVERFLOW`, a small value
 * stays in the checkpoint as `{"data":"<JSON>"}`. This package and the official package can read each other's values.
 *
 * `basePath` must be on a file system that all later invocations can read (Amazon EFS, Amazon S3 Files). It must never
 * be Lambda's own `/tmp`. A value file exists completely or not at all. Files are never removed: delete them when you
 * delete their executions.
 *
 * Throws `ERR_SETTING_INVALID` for an unknown mode or encoding. Writing and reading fail with `ERR_PAYLOAD_FILE_WRITE`,
 * `ERR_PAYLOAD_FILE_MISSING`, `ERR_PAYLOAD_FILE_READ` or `ERR_PAYLOAD_ENVELOPE`. A failure rejects the invocation,
 * and the service starts another one.
 *
 * ```ts
 * context.configureSerdes({ defaultSerdes: createFileSystemSerdes("/mnt/efs", { storageMode: "OVERFLOW" }) });
 * ```
 */
export function createFileSystemSerdes(basePath: string, config: FileSystemSerdesConfig = {}): AnySerdes {
  const mode = oneOf(FileSystemSerdesMode, "storageMode", config.storageMode ?? FileSystemSerdesMode.ALWAYS);
  const encoding = oneOf(FileSystemPathEncoding, "pathEncoding", config.pathEncoding ?? FileSystemPathEncoding.URI);
  const { generatePreview } = config;
  return {
    serialize: async (value: unknown, context) => {
      const json: string | undefined = JSON.stringify(value);
      if (json === undefined) return undefined;
      if (mode === FileSystemSerdesMode.OVERFLOW && json.length <= MAX_INLINE_BYTES) {
        const envelope = JSON.stringify({ data: json });
        if (Buffer.byteLength(envelope) <= MAX_INLINE_BYTES) return envelope;
      }
      const file = join(basePath, ...pathOf(context, encoding));
      const preview = generatePreview?.(value);
      await writeWhole(file, json, context);
      return JSON.stringify(preview ? { file, preview } : { file });
    },
    deserialize: async (data, context) => {
      if (data === undefined) return undefined;
      const envelope = readEnvelope(data, context);
      return "file" in envelope ? readValue(envelope.file, context) : JSON.parse(envelope.data);
    },
  };
}

function oneOf<T extends string>(allowed: Readonly<Record<string, T>>, setting: string, value: T): T {
  const values = Object.values(allowed);
  if (values.includes(value)) return value;
  throw new DurableError(
    "ERR_SETTING_INVALID",
    `createFileSystemSerdes: ${setting} is ${JSON.stringify(value)}; it is one of ${values.join(", ")}.`,
  );
}

function pathOf({ durableExecutionArn: arn, entityId }: SerdesContext, encoding: FileSystemPathEncoding): string[] {
  if (encoding === FileSystemPathEncoding.HASH) return [sha256(arn), `${sha256(entityId)}.json`];
  return [...executionFolders(arn).map(keepInside), `${encodeURIComponent(entityId)}.json`];
}

const sha256 = (text: string): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");

/**
 * The form of the ARN of an execution:
 * `arn:<partition>:lambda:<region>:<account>:function:<name>:<version>/durable-execution/<execution>/<invocation>`
 */
const EXECUTION_ARN =
  /^arn:[^:]*:lambda:[^:]*:[^:]*:function:(?<name>[^:/]+):[^:/]+\/durable-execution\/(?<execution>[^/]+)\/(?<invocation>[^/]+)$/;

function executionFolders(arn: string): string[] {
  const parts = EXECUTION_ARN.exec(arn)?.groups;
  if (parts === undefined) return [encodeURIComponent(arn)];
  return [parts["name"], parts["execution"], parts["invocation"]] as string[];
}

/** A folder with the name `..` would be outside of `basePath`, or the folder of another execution. */
function keepInside(folder: string): string {
  return folder === "." || folder === ".." ? folder.replaceAll(".", "%2E") : folder;
}

/** Writes a temporary file and renames it, so that no reader sees a part of the value, even after a crash. */
async function writeWhole(file: string, text: string, context: SerdesContext): Promise<void> {
  const { mkdir, rename, rm, writeFile } = process.getBuiltinModule("node:fs/promises");
  const folder = dirname(file);
  // The temporary name is short, because file systems limit the length of names.
  const temporary = join(folder, `.${process.getBuiltinModule("node:crypto").randomUUID()}.tmp`);
  // The file is flushed to the disk, because the checkpoint that follows refers to it.
  const write = () => writeFile(temporary, text, { flag: "wx", flush: true });
  try {
    try {
      await write();
    } catch (error) {
      // The folder is made only if it is missing, because for most values it exists.
      if (codeOf(error) !== "ENOENT") throw error;
      await mkdir(folder, { recursive: true });
      await write();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new DurableError("ERR_PAYLOAD_FILE_WRITE", `${writeFailure(file, context)} ${remedy(error)}`, {
      cause: error,
    });
  }
}

function writeFailure(file: string, { entityId }: SerdesContext): string {
  return `The value of operation ${entityId} could not be written to "${file}".`;
}

function remedy(error: unknown): string {
  if (codeOf(error) === "ENAMETOOLONG") return "The name is too long; set pathEncoding to FileSystemPathEncoding.HASH.";
  return `${(error as Error).message}. Check that the file system is mounted and that the function may write to it.`;
}

async function readValue(file: string, { entityId }: SerdesContext): Promise<unknown> {
  let text: string;
  try {
    text = await process.getBuiltinModule("node:fs/promises").readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      throw new DurableError(
        "ERR_PAYLOAD_FILE_MISSING",
        `The value of operation ${entityId} is recorded as the file "${file}", which does not exist. ` +
          "Mount the file system on which it was written, at the same path; Lambda's /tmp is not kept.",
        { cause: error },
      );
    }
    throw unreadable(entityId, file, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(entityId, file, error);
  }
}

function unreadable(entityId: string, file: string, cause: unknown): DurableError {
  return new DurableError(
    "ERR_PAYLOAD_FILE_READ",
    `The value of operation ${entityId} could not be read from "${file}": ${(cause as Error).message}. ` +
      "The file must be readable and unchanged.",
    { cause },
  );
}

type Envelope = { readonly file: string } | { readonly data: string };

function readEnvelope(data: string, { entityId }: SerdesContext): Envelope {
  let envelope: unknown;
  let cause: unknown;
  try {
    envelope = JSON.parse(data);
  } catch (error) {
    cause = error;
  }
  if (typeof envelope === "object" && envelope !== null) {
    if ("file" in envelope && typeof envelope.file === "string") return { file: envelope.file };
    if (!("file" in envelope) && "data" in envelope && typeof envelope.data === "string") {
      return { data: envelope.data };
    }
  }
  const shown = data.length > 80 ? `${data.slice(0, 80)}…` : data;
  throw new DurableError(
    "ERR_PAYLOAD_ENVELOPE",
    `The payload of operation ${entityId} is neither {"file":…} nor {"data":…}: ${shown} ` +
      "Another serdes wrote it. Use that serdes to read it.",
    { cause },
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
