/**
 * Opens compressed members of an initrd, compressed kernels and the members of a Debian package.
 *
 * What it is, is told by its first bytes. gzip is opened by Node; xz and zstd, which Node 20 lacks, by the
 * distribution's tools of these names, through a pipe and without a temporary file.
 */
import { spawn } from "node:child_process";
import { promisify } from "node:util";
import { type InputType, inflateRaw, type ZlibOptions } from "node:zlib";
import { UnderstudyError } from "../base/errors.ts";

export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "lzma" | "lz4" | "lzop";

/** No kernel and no initrd is larger: a stream that grows beyond it is damaged, or meant to fill the memory. */
const MAX_PLAIN_BYTES = 1 << 30;

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["lzma", [0x5d, 0x00, 0x00]],
  ["lz4", [0x02, 0x21, 0x4c, 0x18]],
  ["lzop", [0x89, 0x4c, 0x5a, 0x4f]],
];

export function detectCompression(bytes: Uint8Array): Compression | null {
  for (const [compression, magic] of MAGIC) {
    if (bytes.length >= magic.length && magic.every((byte, index) => bytes[index] === byte)) return compression;
  }
  return null;
}

export interface OpenedMember {
  readonly plain: Uint8Array;
  /** Bytes of the input that the member took. The tools do not say it: for xz and zstd it is everything to the end. */
  readonly consumed: number;
}

/**
 * Opens the compressed member at the start of `bytes`.
 *
 * @param what names the bytes in error messages, such as "the initrd"
 * @throws {UnderstudyError} `image_truncated` when it ends early, `image_invalid` when it is damaged or of a kind that cannot be opened
 */
export async function openMember(bytes: Uint8Array, what: string, signal?: AbortSignal): Promise<OpenedMember> {
  const compression = detectCompression(bytes);
  switch (compression) {
    case "gzip":
      return await openGzip(bytes, what);
    case "xz":
    case "zstd":
      return { plain: await runDecompressor(compression, bytes, what, signal), consumed: bytes.length };
    case null:
      throw new UnderstudyError(
        "image_invalid",
        `Cannot read ${what}: it starts with bytes ${hexPreview(bytes)}, which no known format does`,
      );
    default:
      throw new UnderstudyError(
        "image_invalid",
        `Cannot read ${what}: it is compressed with ${compression}; decompress it first, or give one that is plain or compressed with gzip, xz or zstd`,
      );
  }
}

/** A zlib call with `info` also gives the engine, which knows how much input it took. */
const inflateRawInfo = promisify(inflateRaw) as unknown as (
  input: InputType,
  options: ZlibOptions & { info: true },
) => Promise<{ buffer: Buffer; engine: { bytesWritten: number } }>;

/** One gzip member: the header is parsed here, since Node refuses a member that is followed by anything but another. */
async function openGzip(bytes: Uint8Array, what: string): Promise<OpenedMember> {
  const truncated = (cause?: unknown) =>
    new UnderstudyError(
      "image_truncated",
      `Cannot read ${what}: its gzip data ends early, after ${bytes.length} bytes; fetch the file again`,
      { cause },
    );
  const damaged = (why: string, cause?: unknown) =>
    new UnderstudyError("image_invalid", `Cannot read ${what}: its gzip data is damaged (${why}); fetch the file again`, { cause });

  const headerBytes = gzipHeaderBytes(bytes);
  if (headerBytes === null) throw truncated();
  let plain: Buffer;
  let bodyBytes: number;
  try {
    const inflated = await inflateRawInfo(bytes.subarray(headerBytes), { info: true, maxOutputLength: MAX_PLAIN_BYTES });
    plain = inflated.buffer;
    bodyBytes = inflated.engine.bytesWritten;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "Z_BUF_ERROR") throw truncated(error);
    throw damaged((error as Error).message, error);
  }
  const consumed = headerBytes + bodyBytes + 8;
  if (consumed > bytes.length) throw truncated();
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + consumed - 8, 8);
  if (trailer.getUint32(4, true) !== plain.length % 2 ** 32) throw damaged("the length differs");
  if (trailer.getUint32(0, true) !== crc32(plain)) throw damaged("the checksum differs");
  return { plain, consumed };
}

/** @returns null when the header is not complete */
function gzipHeaderBytes(bytes: Uint8Array): number | null {
  if (bytes.length < 10) return null;
  const flags = bytes[3] ?? 0;
  let at = 10;
  if (flags & 4) {
    if (bytes.length < at + 2) return null;
    at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  }
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) return null;
    at = end + 1;
  }
  if (flags & 2) at += 2;
  return at <= bytes.length ? at : null;
}

const CRC_TABLE = new Int32Array(256).map((_zero, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 as gzip has it. `zlib.crc32` came only with Node 20.15. */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** Feeds `bytes` to `xz -dc` or `zstd -dc`. */
function runDecompressor(tool: "xz" | "zstd", bytes: Uint8Array, what: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, ["-dc", "-q"], { stdio: ["pipe", "pipe", "pipe"], signal });
    const output: Buffer[] = [];
    let outputBytes = 0;
    let messages = "";
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") return reject(error);
      reject(
        new UnderstudyError(
          "decompressor_missing",
          `Cannot read ${what}: it is compressed with ${tool}; install the ${tool === "xz" ? "xz-utils" : "zstd"} package, which has the ${tool} tool`,
          {
            cause: error,
          },
        ),
      );
    });
    child.stdout.on("data", (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > MAX_PLAIN_BYTES) {
        child.kill();
        reject(new UnderstudyError("image_invalid", `Cannot read ${what}: it grows to more than ${MAX_PLAIN_BYTES} bytes`));
      } else output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      messages += chunk.toString();
    });
    // The tool stops reading when the data is damaged; its exit status says so.
    child.stdin.on("error", () => {});
    child.stdin.end(bytes);
    child.once("close", (status) => {
      if (status === 0) return resolve(Buffer.concat(output));
      const early = /unexpected end|premature end|ended? (too )?early|truncated/i.test(messages);
      reject(
        new UnderstudyError(
          early ? "image_truncated" : "image_invalid",
          `Cannot read ${what}: ${tool} says "${messages.trim()}"; fetch the file again`,
        ),
      );
    });
  });
}

function hexPreview(bytes: Uint8Array): string {
  return [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
