/**
 * An image as one stream of bytes: a tar archive (ustar) of three files.
 *
 *     manifest.json   the image's manifest without its date: the same image is the same archive, byte for byte, everywhere
 *     kernel          the blob that `manifest.kernel` names
 *     initramfs       the blob that `manifest.initramfs` names
 *
 * It is written in that order, with nothing of the host in its headers. What is read may be of any tar: in any order, with folders, with `./`
 * before the names, and with extended headers, which are skipped.
 *
 * @see POSIX.1-1988, ustar interchange format
 */
import { type FileHandle, open } from "node:fs/promises";
import { UnderstudyError } from "../base/errors.ts";
import { isFlatKernel, KERNEL_HEADER_BYTES } from "./kernel-image.ts";
import { type BlobReference, type ImageManifest, parseManifest, sealManifest } from "./manifest.ts";
import type { ImageStore, ReceivedBlob } from "./store.ts";

export const ARCHIVE_MEDIA_TYPE = "application/x-tar";

const BLOCK = 512;
const READ_BYTES = 256 * 1024;
const MANIFEST_MAX = 64 * 1024;
/** Two empty blocks end an archive. */
const END = new Uint8Array(2 * BLOCK);

/** A piece of an archive: bytes, or a blob. */
export type ArchivePiece = { readonly bytes: Uint8Array } | { readonly blob: BlobReference };

/** What an image's archive is made of, in order. */
export function archiveOf(manifest: ImageManifest): readonly ArchivePiece[] {
  const text = new TextEncoder().encode(archivedManifest(manifest));
  return [
    { bytes: header("manifest.json", text.length) },
    { bytes: text },
    { bytes: padding(text.length) },
    ...blobPieces("kernel", manifest.kernel),
    ...blobPieces("initramfs", manifest.initramfs),
    { bytes: END },
  ];
}

export function archiveBytes(pieces: readonly ArchivePiece[]): number {
  return pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
}

function pieceBytes(piece: ArchivePiece): number {
  return "bytes" in piece ? piece.bytes.length : piece.blob.sizeBytes;
}

/** Of bytes, from `start` up to and without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * An archive's bytes, or a range of them. The blobs' files are opened first, so that all is read whatever becomes of the image meanwhile.
 *
 * @param pathOf where a blob is, by its digest
 * @throws {UnderstudyError} `image_corrupt` where a blob is shorter than its manifest says
 */
export async function* readArchive(
  pieces: readonly ArchivePiece[],
  pathOf: (digest: string) => string,
  { start, end }: ByteRange = { start: 0, end: archiveBytes(pieces) },
): AsyncGenerator<Uint8Array> {
  const files = new Map<string, FileHandle>();
  try {
    for (const piece of pieces) {
      if ("blob" in piece && !files.has(piece.blob.digest)) files.set(piece.blob.digest, await open(pathOf(piece.blob.digest)));
    }
    let at = 0;
    for (const piece of pieces) {
      const [from, to] = [Math.max(0, start - at), Math.min(pieceBytes(piece), end - at)];
      at += pieceBytes(piece);
      if (from >= to) continue;
      if ("bytes" in piece) yield piece.bytes.subarray(from, to);
      else yield* readFile(files.get(piece.blob.digest) as FileHandle, piece.blob.digest, from, to);
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
}

async function* readFile(file: FileHandle, digest: string, from: number, to: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to; ) {
    const wanted = Math.min(READ_BYTES, to - at);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
    if (bytesRead === 0)
      throw new UnderstudyError("image_corrupt", `Cannot read blob ${digest}: its file ends early; upload its image again`);
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** An image that was received whole, checked, and is not in the store yet. */
export interface ReceivedImage {
  readonly manifest: ImageManifest;
  readonly blobs: readonly ReceivedBlob[];
  /** Puts it into the store. */
  keep(): Promise<void>;
  /** Takes away what was received and not kept. */
  discard(): Promise<void>;
}

export interface ReceiveOptions {
  /** Instead of the name in the archive: by that it is another image. */
  readonly name?: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * Reads an archive to its end, also where it is none. When it fails, there is nothing of it.
 *
 * @param stream its own errors pass through
 * @throws {UnderstudyError} `image_truncated`, `image_invalid`, `digest_mismatch`, `unsupported_machine`, and those of `ImageStore.receiveBlob`
 */
export async function receiveArchive(
  store: ImageStore,
  stream: AsyncIterable<Uint8Array>,
  options: ReceiveOptions,
): Promise<ReceivedImage> {
  const received = new Map<string, ReceivedBlob>();
  const discard = async (): Promise<void> => {
    for (const blob of received.values()) await blob.discard();
  };
  const reader = new ByteReader(stream);
  try {
    let archived: ImageManifest | null = null;
    for (;;) {
      const entry = readHeader(await reader.upTo(BLOCK));
      if (entry === null) break;
      const { name, sizeBytes, isFile } = entry;
      if (!isFile) {
        await reader.skip(padded(sizeBytes));
        continue;
      }
      if (received.has(name) || (name === "manifest.json" && archived !== null)) throw invalid(`it has "${name}" twice`);
      if (name === "manifest.json") {
        if (sizeBytes > MANIFEST_MAX) throw invalid(`its manifest has ${sizeBytes} bytes, and at most ${MANIFEST_MAX} are read`);
        archived = readManifest(await reader.exactly(sizeBytes), options.createdAt);
      } else if (name === "kernel" || name === "initramfs") {
        received.set(name, await store.receiveBlob(name === "kernel" ? checkedKernel(reader, sizeBytes) : reader.take(sizeBytes)));
      } else {
        throw invalid(`it has a file "${name}"; wanted are manifest.json, kernel and initramfs`);
      }
      await reader.skip(padded(sizeBytes) - sizeBytes);
    }
    await reader.drain();
    const [kernel, initramfs] = [received.get("kernel"), received.get("initramfs")];
    if (archived === null || kernel === undefined || initramfs === undefined) {
      const there = [archived === null ? null : "manifest.json", ...received.keys()].filter((name) => name !== null);
      throw invalid(`it has ${there.length === 0 ? "none" : there.join(" and ")} of manifest.json, kernel and initramfs`);
    }
    checkSame("kernel", archived.kernel, kernel);
    checkSame("initramfs", archived.initramfs, initramfs);
    const manifest = sealManifest({ ...archived, name: options.name ?? archived.name });
    return {
      manifest,
      blobs: [kernel, initramfs],
      keep: async () => {
        for (const blob of [kernel, initramfs]) await blob.keep();
        await store.putManifest(manifest);
      },
      discard,
    };
  } catch (error) {
    await discard();
    // What is wrong with it is said at its end: whoever sends it hears of it then, and its digest is known.
    if (isOfTheArchive(error)) await reader.drain().catch(() => undefined);
    reader.close();
    throw error;
  }
}

function isOfTheArchive(error: unknown): boolean {
  const codes = ["image_invalid", "image_truncated", "digest_mismatch", "unsupported_machine"];
  return error instanceof UnderstudyError && codes.includes(error.code);
}

function archivedManifest({ createdAt: _here, ...manifest }: ImageManifest): string {
  const { name, digest, kernel, initramfs, cmdline, minMemoryMiB, source, kernelRelease } = manifest;
  const reference = ({ digest, sizeBytes }: BlobReference): BlobReference => ({ digest, sizeBytes });
  const { package: of, version, suite, description } = source;
  const content = {
    ...{ name, digest, kernel: reference(kernel), initramfs: reference(initramfs), cmdline, minMemoryMiB },
    ...{ source: { package: of, version, suite, description }, kernelRelease },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function readManifest(bytes: Uint8Array, createdAt: string): ImageManifest {
  try {
    const content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as object;
    return parseManifest(JSON.stringify({ ...content, createdAt }), "manifest.json");
  } catch (cause) {
    throw new UnderstudyError("image_invalid", `Cannot use the archive's manifest.json: ${(cause as Error).message}`, { cause });
  }
}

async function* checkedKernel(reader: ByteReader, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const head = await reader.exactly(Math.min(sizeBytes, KERNEL_HEADER_BYTES));
  if (!isFlatKernel(head)) {
    throw new UnderstudyError(
      "unsupported_machine",
      "Cannot use the archive's kernel: it is no flat Image of a riscv64 Linux kernel, which is what the machine boots",
    );
  }
  yield head;
  yield* reader.take(sizeBytes - head.length);
}

function checkSame(name: string, wanted: BlobReference, got: BlobReference): void {
  if (wanted.digest === got.digest && wanted.sizeBytes === got.sizeBytes) return;
  throw new UnderstudyError(
    "digest_mismatch",
    `Cannot accept the archive: its ${name} has ${got.sizeBytes} bytes with digest ${got.digest}, its manifest says ${wanted.sizeBytes} and ${wanted.digest}`,
  );
}

function blobPieces(name: string, blob: BlobReference): ArchivePiece[] {
  return [{ bytes: header(name, blob.sizeBytes) }, { blob }, { bytes: padding(blob.sizeBytes) }];
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK) * BLOCK;
}

function padding(sizeBytes: number): Uint8Array {
  return new Uint8Array(padded(sizeBytes) - sizeBytes);
}

/** Name at 0, mode at 100, owner at 108 and 116, size at 124, date at 136, checksum at 148, type at 156, magic at 257. */
function header(name: string, sizeBytes: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, "latin1");
  block.write("0000644\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  block.write("00000000000\0", 136, "latin1");
  block.write("0", 156, "latin1");
  block.write("ustar\0", 257, "latin1");
  block.write("00", 263, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** Of a header, as if its own place had blanks. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

interface Entry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly isFile: boolean;
}

/** @returns null at the archive's end */
function readHeader(block: Uint8Array): Entry | null {
  if (block.length === 0 || block.every((byte) => byte === 0)) return null;
  if (block.length < BLOCK) throw truncated();
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const field = (at: number, length: number) =>
    bytes
      .toString("latin1", at, at + length)
      .replace(/\0.*$/s, "")
      .trim();
  if (Number.parseInt(field(148, 8), 8) !== checksum(block)) throw invalid("it is no tar archive, or is damaged");
  const size = field(124, 12);
  if (!/^[0-7]{1,11}$/.test(size)) throw invalid("a file in it has no size that can be read");
  const type = field(156, 1);
  return { name: field(0, 100).replace(/^(\.\/)+/, ""), sizeBytes: Number.parseInt(size, 8), isFile: type === "0" || type === "" };
}

function invalid(why: string): UnderstudyError {
  return new UnderstudyError("image_invalid", `Cannot use the archive: ${why}`);
}

function truncated(): UnderstudyError {
  return new UnderstudyError("image_truncated", "Cannot use the archive: it ends early; send it again");
}

/** Pieces of a stream by their lengths. */
class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.source = stream[Symbol.asyncIterator]();
  }

  /** Fewer only at the stream's end. */
  async upTo(length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const piece = await this.piece(left);
      if (piece === null) break;
      pieces.push(piece);
      left -= piece.length;
    }
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  async exactly(length: number): Promise<Uint8Array> {
    const bytes = await this.upTo(length);
    if (bytes.length < length) throw truncated();
    return bytes;
  }

  /** The next `length` bytes, as they come. */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const piece = await this.piece(left);
      if (piece === null) throw truncated();
      left -= piece.length;
      yield piece;
    }
  }

  async skip(length: number): Promise<void> {
    for await (const _piece of this.take(length));
  }

  async drain(): Promise<void> {
    while ((await this.piece(Number.MAX_SAFE_INTEGER)) !== null);
  }

  /** Lets go of a stream that was not read to its end. */
  close(): void {
    this.source.return?.().catch(() => undefined);
  }

  /** @returns at least one byte, at most `length`; null at the end */
  private async piece(length: number): Promise<Uint8Array | null> {
    while (this.rest.length === 0) {
      const { done, value } = await this.source.next();
      if (done === true) return null;
      this.rest = value;
    }
    const piece = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(piece.length);
    return piece;
  }
}
