/**
 * The `newc` cpio archives that Linux takes as an initramfs: reader and writer.
 *
 * An initrd is a sequence of members, each an archive of its own, plain or compressed, padded with zeros in
 * between. Later members win over earlier ones, as in the kernel. Compressed members are opened with what the
 * first bytes say: gzip by Node itself, xz and zstd by the distribution's tool.
 *
 * The writer is reproducible: entries sorted by name, inode numbers counted, no time stamps, root owns everything.
 *
 * @see kernel documentation, driver-api/early-userspace/buffer-format
 */
import { UnderstudyError } from "../base/errors.ts";
import { openMember } from "./compression.ts";

/** Types of inode, as the high bits of `mode` say them. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

export interface CpioEntry {
  /** Path without a leading slash, such as `bin/busybox`. */
  readonly name: string;
  /** Type and permissions, such as `0o100755`. */
  readonly mode: number;
  /** Content of a regular file, target of a symbolic link, else empty. */
  readonly data: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: { readonly major: number; readonly minor: number };
}

const HEADER_BYTES = 110;
const TRAILER = "TRAILER!!!";

/**
 * All entries of an initrd, by path; a later entry of the same path replaces the earlier one.
 *
 * @throws {UnderstudyError} `image_truncated` when the archive ends early, `image_invalid` when it is not a newc archive
 */
export async function readInitrd(initrd: Uint8Array, signal?: AbortSignal): Promise<Map<string, CpioEntry>> {
  const entries = new Map<string, CpioEntry>();
  let at = 0;
  let members = 0;
  while (at < initrd.length) {
    if (initrd[at] === 0) {
      at++;
      continue;
    }
    const rest = initrd.subarray(at);
    if (isNewc(rest)) {
      at += readArchive(rest, entries);
    } else {
      const { plain, consumed } = await openMember(rest, "the initrd", signal);
      for (const [name, entry] of await readInitrd(plain, signal)) entries.set(name, entry);
      at += consumed;
    }
    members++;
  }
  if (members === 0) throw new UnderstudyError("image_truncated", "Cannot read the initrd: it holds no archive, only padding");
  return entries;
}

/** An archive with the given entries, the same bytes for the same entries in whatever order they come. */
export function writeCpio(entries: Iterable<CpioEntry>): Uint8Array {
  // A folder's path is a prefix of what it holds, so it sorts before it.
  const sorted = [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const pieces: Uint8Array[] = [];
  let inode = 1;
  for (const entry of sorted) pieces.push(...encodeEntry(entry, inode++));
  pieces.push(...encodeEntry({ name: TRAILER, mode: 0, data: new Uint8Array(0) }, 0));
  const archive = Buffer.concat(pieces);
  return new Uint8Array(archive.buffer, archive.byteOffset, archive.length);
}

export function isRegularFile(entry: CpioEntry): boolean {
  return (entry.mode & S_IFMT) === S_IFREG;
}

export function isSymbolicLink(entry: CpioEntry): boolean {
  return (entry.mode & S_IFMT) === S_IFLNK;
}

export function regularFile(name: string, data: Uint8Array, permissions = 0o644): CpioEntry {
  return { name, mode: S_IFREG | permissions, data };
}

export function directory(name: string, permissions = 0o755): CpioEntry {
  return { name, mode: S_IFDIR | permissions, data: new Uint8Array(0) };
}

export function symbolicLink(name: string, target: string): CpioEntry {
  return { name, mode: S_IFLNK | 0o777, data: new TextEncoder().encode(target) };
}

export function characterDevice(name: string, major: number, minor: number, permissions = 0o600): CpioEntry {
  return { name, mode: S_IFCHR | permissions, data: new Uint8Array(0), device: { major, minor } };
}

function isNewc(bytes: Uint8Array): boolean {
  // "070701" is newc, "070702" is newc with a checksum that nobody fills in.
  const magic = ascii(bytes, 0, Math.min(6, bytes.length));
  return magic === "070701" || magic === "070702";
}

/** Reads one archive into `entries`; returns its length, trailer included. */
function readArchive(archive: Uint8Array, entries: Map<string, CpioEntry>): number {
  /** Content of files that have several names: only the last of them carries it. */
  const links = new Map<number, string[]>();
  let at = 0;
  for (;;) {
    need(archive, at, HEADER_BYTES);
    if (!isNewc(archive.subarray(at))) {
      throw new UnderstudyError("image_invalid", `Cannot read the archive at byte ${at}: no newc header is there`);
    }
    const field = (index: number) => hex(archive, at + 6 + 8 * index);
    const inode = field(0);
    const mode = field(1);
    const linkCount = field(4);
    const size = field(6);
    const major = field(9);
    const minor = field(10);
    const nameSize = field(11);
    if (nameSize === 0) throw new UnderstudyError("image_invalid", `Cannot read the archive entry at byte ${at}: it has no name`);
    const nameAt = at + HEADER_BYTES;
    need(archive, nameAt, nameSize);
    const name = new TextDecoder().decode(archive.subarray(nameAt, nameAt + nameSize - 1));
    const dataAt = align4(nameAt + nameSize);
    need(archive, dataAt, size);
    const data = archive.subarray(dataAt, dataAt + size);
    at = align4(dataAt + size);
    if (name === TRAILER) return Math.min(at, archive.length);

    const path = name.replace(/^(\.?\/)+/, "");
    if (path === "" || path === ".") continue;
    const type = mode & S_IFMT;
    const entry: CpioEntry =
      type === S_IFCHR || type === S_IFBLK ? { name: path, mode, data, device: { major, minor } } : { name: path, mode, data };
    entries.set(path, entry);
    if (type === S_IFREG && linkCount > 1) {
      const names = links.get(inode) ?? [];
      names.push(path);
      links.set(inode, names);
      if (size > 0) for (const other of names) entries.set(other, { name: other, mode, data });
    }
  }
}

/** Header, name and data of one entry, each padded to four bytes. */
function encodeEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const name = new TextEncoder().encode(`${entry.name}\0`);
  const isDirectory = (entry.mode & S_IFMT) === S_IFDIR;
  const fields = [
    inode,
    entry.mode,
    0, // owner
    0, // group
    isDirectory ? 2 : 1, // links
    0, // modification time
    entry.data.length,
    0, // device that holds the archive
    0,
    entry.device?.major ?? 0,
    entry.device?.minor ?? 0,
    name.length,
    0, // checksum, unused in newc
  ];
  const header = `070701${fields.map((value) => value.toString(16).toUpperCase().padStart(8, "0")).join("")}`;
  const headAndName = new Uint8Array(align4(HEADER_BYTES + name.length));
  headAndName.set(new TextEncoder().encode(header));
  headAndName.set(name, HEADER_BYTES);
  return [headAndName, entry.data, new Uint8Array(align4(entry.data.length) - entry.data.length)];
}

function need(archive: Uint8Array, at: number, bytes: number): void {
  if (at + bytes <= archive.length) return;
  throw new UnderstudyError(
    "image_truncated",
    `Cannot read ${bytes} bytes at ${at} of the initrd's archive: it ends at ${archive.length}; fetch the file again`,
  );
}

function hex(archive: Uint8Array, at: number): number {
  const text = ascii(archive, at, 8);
  if (!/^[0-9a-fA-F]{8}$/.test(text)) {
    throw new UnderstudyError("image_invalid", `Cannot read the archive header at byte ${at}: "${text}" is not a hexadecimal number`);
  }
  return Number.parseInt(text, 16);
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function align4(value: number): number {
  return (value + 3) & ~3;
}
