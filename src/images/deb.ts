/**
 * Takes files out of a Debian package: an `ar` archive whose member `data.tar.*` holds them.
 *
 * `dpkg-deb` opens it where it is installed, which is wherever apt is. Without it the archive is read here, and the
 * compression of the member is opened as for an initrd. Either way the tar is read here, and only the wanted files are kept.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { UnderstudyError } from "../base/errors.ts";
import { detectCompression, openMember } from "./compression.ts";

export interface ExtractOptions {
  /** Which files to keep, by their path in the package, without a leading "./". */
  readonly want: (path: string) => boolean;
  /** Read the archive here even where dpkg-deb is installed. */
  readonly withoutDpkg?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * @returns the wanted regular files by path
 * @throws {UnderstudyError} `image_truncated` when the package ends early, `image_invalid` when it is none
 */
export async function extractDeb(path: string, options: ExtractOptions): Promise<Map<string, Uint8Array>> {
  if (options.withoutDpkg !== true) {
    const files = await extractWithDpkg(path, options);
    if (files !== null) return files;
  }
  const what = `the package ${path}`;
  const data = dataMember(await readFile(path), what);
  const tar = detectCompression(data) === null ? data : (await openMember(data, what, options.signal)).plain;
  const reader = new TarReader(options.want, what);
  reader.push(tar);
  return reader.end();
}

/** @returns null where dpkg-deb is not installed */
function extractWithDpkg(path: string, options: ExtractOptions): Promise<Map<string, Uint8Array> | null> {
  return new Promise((resolve, reject) => {
    const child = spawn("dpkg-deb", ["--fsys-tarfile", path], {
      stdio: ["ignore", "pipe", "pipe"],
      signal: options.signal,
      env: { ...process.env, LC_ALL: "C" },
    });
    const reader = new TarReader(options.want, `the package ${path}`);
    let messages = "";
    child.once("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(null) : reject(error)));
    child.stderr.on("data", (chunk: Buffer) => {
      messages += chunk.toString();
    });
    child.stdout.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        child.kill();
        reject(error);
      }
    });
    child.once("close", (status) => {
      if (status !== 0) {
        const early = /unexpected end|ends? (too )?early|short|truncated/i.test(messages);
        return reject(
          new UnderstudyError(
            early ? "image_truncated" : "image_invalid",
            `Cannot open the package ${path}: ${lastLine(messages)}; fetch it again`,
          ),
        );
      }
      try {
        resolve(reader.end());
      } catch (error) {
        reject(error);
      }
    });
  });
}

const AR_MAGIC = "!<arch>\n";
const AR_HEADER_BYTES = 60;

/** The `data.tar.*` member of an ar archive. */
function dataMember(file: Uint8Array, what: string): Uint8Array {
  const text = (at: number, length: number) => new TextDecoder("latin1").decode(file.subarray(at, at + length));
  if (text(0, AR_MAGIC.length) !== AR_MAGIC) throw new UnderstudyError("image_invalid", `Cannot open ${what}: it is not a Debian package`);
  for (let at = AR_MAGIC.length; at < file.length; ) {
    const sizeBytes = Number.parseInt(text(at + 48, 10), 10);
    const start = at + AR_HEADER_BYTES;
    if (start > file.length || Number.isNaN(sizeBytes) || start + sizeBytes > file.length) {
      throw new UnderstudyError("image_truncated", `Cannot open ${what}: it ends within a member, at ${file.length} bytes; fetch it again`);
    }
    if (text(at, 16).startsWith("data.tar")) return file.subarray(start, start + sizeBytes);
    at = start + sizeBytes + (sizeBytes % 2);
  }
  throw new UnderstudyError("image_invalid", `Cannot open ${what}: it has no data.tar`);
}

const BLOCK_BYTES = 512;

/** Reads a tar as it comes, and keeps the wanted files: the packages are large, what is wanted of them is not. */
class TarReader {
  private readonly files = new Map<string, Uint8Array>();
  private readonly want: (path: string) => boolean;
  private readonly what: string;
  /** The header that is being collected. */
  private readonly header = new Uint8Array(BLOCK_BYTES);
  private headerBytes = 0;
  /** The body that is being read: bytes to come (padding not counted), and where they go, null to skip them. */
  private bodyLeft = 0;
  private paddingLeft = 0;
  private body: Uint8Array | null = null;
  private bodyAt = 0;
  private onBody: ((body: Uint8Array) => void) | null = null;
  /** Name for the next entry, of a GNU `L` or a pax `x` entry. */
  private longName: string | null = null;
  private ended = false;

  constructor(want: (path: string) => boolean, what: string) {
    this.want = want;
    this.what = what;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.ended; ) {
      if (this.bodyLeft > 0) {
        const take = Math.min(this.bodyLeft, chunk.length - at);
        this.body?.set(chunk.subarray(at, at + take), this.bodyAt);
        this.bodyAt += take;
        this.bodyLeft -= take;
        at += take;
        if (this.bodyLeft === 0) this.finishBody();
      } else if (this.paddingLeft > 0) {
        const take = Math.min(this.paddingLeft, chunk.length - at);
        this.paddingLeft -= take;
        at += take;
      } else {
        const take = Math.min(BLOCK_BYTES - this.headerBytes, chunk.length - at);
        this.header.set(chunk.subarray(at, at + take), this.headerBytes);
        this.headerBytes += take;
        at += take;
        if (this.headerBytes === BLOCK_BYTES) this.startEntry();
      }
    }
  }

  end(): Map<string, Uint8Array> {
    if (!this.ended) throw new UnderstudyError("image_truncated", `Cannot open ${this.what}: its archive has no end; fetch it again`);
    return this.files;
  }

  private startEntry(): void {
    this.headerBytes = 0;
    if (this.header.every((byte) => byte === 0)) {
      this.ended = true;
      return;
    }
    const size = this.number(124, 12);
    const type = String.fromCharCode(this.header[156] as number);
    this.bodyLeft = size;
    this.bodyAt = 0;
    this.paddingLeft = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
    this.body = null;
    this.onBody = null;
    if (type === "L" || type === "x") {
      this.body = new Uint8Array(size);
      this.onBody = (body) => {
        this.longName = type === "L" ? text(body, 0, body.length) : paxPath(body);
      };
      return;
    }
    const prefix = text(this.header, 345, 155);
    const plainName = text(this.header, 0, 100);
    const ustar = text(this.header, 257, 6) === "ustar";
    const path = (this.longName ?? (ustar && prefix !== "" ? `${prefix}/${plainName}` : plainName)).replace(/^\.?\/+/, "");
    this.longName = null;
    if ((type !== "0" && type !== "\0") || !this.want(path)) return;
    this.body = new Uint8Array(size);
    this.onBody = (body) => this.files.set(path, body);
    if (size === 0) this.finishBody();
  }

  private finishBody(): void {
    if (this.body !== null) this.onBody?.(this.body);
    this.body = null;
  }

  private number(at: number, length: number): number {
    const value = Number.parseInt(text(this.header, at, length).trim() || "0", 8);
    if (Number.isNaN(value) || value < 0)
      throw new UnderstudyError("image_invalid", `Cannot open ${this.what}: its archive has a damaged header`);
    return value;
  }
}

function paxPath(body: Uint8Array): string | null {
  return /^\d+ path=(.*)$/m.exec(new TextDecoder().decode(body))?.[1] ?? null;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end));
}

function lastLine(messages: string): string {
  return messages.trim().split("\n").at(-1) ?? "";
}
