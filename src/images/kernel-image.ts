/**
 * Checks a RISC-V Linux kernel, and brings it into the form that the machine loads: the flat `Image`.
 *
 *     0  MZ (an EFI stub) or code      32  header version 0.2
 *     8  text offset                   48  "RISCV\0\0\0"
 *    16  image size in memory          56  "RSC\x05"
 *    24  flags, bit 0: big endian      60  offset of the PE header, or 0
 *
 * Also taken: that file compressed with gzip (`vmlinuz` of most distributions), xz or zstd, and EFI zboot wrappings
 * of it. An ELF `vmlinux` is refused: it carries no image header, and `objcopy -O binary` makes an Image of it.
 *
 * @see kernel documentation, arch/riscv/boot-image-header
 */
import { UnderstudyError } from "../base/errors.ts";
import { detectCompression, openMember } from "./compression.ts";

export interface KernelImage {
  /** The flat Image, plain. */
  readonly image: Uint8Array;
  /** Memory that the kernel needs from its load address on; more than the file, which has no bss. */
  readonly memoryBytes: number;
  /** Such as `6.12.117+deb13-riscv64`; "unknown" when the kernel does not say it. */
  readonly release: string;
}

export const KERNEL_HEADER_BYTES = 64;
const IMAGE_MAGIC = 0x05435352; // "RSC\x05"

/** @param head the first bytes of a file: true where that is what the machine loads */
export function isFlatKernel(head: Uint8Array): boolean {
  if (head.length < KERNEL_HEADER_BYTES || text(head, 0, 4) === "\x7fELF") return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(56, true) === IMAGE_MAGIC && (view.getBigUint64(24, true) & 1n) === 0n;
}

/**
 * @throws {UnderstudyError} `image_truncated` when the file ends early; `image_invalid` when it is not a kernel for this machine,
 *   with a word on what it is instead
 */
export async function readKernel(file: Uint8Array, signal?: AbortSignal): Promise<KernelImage> {
  if (file.length < KERNEL_HEADER_BYTES) {
    throw new UnderstudyError(
      "image_truncated",
      `Cannot read the kernel: it has ${file.length} bytes, less than a kernel's header; fetch the file again`,
    );
  }
  if (detectCompression(file) !== null) return await readKernel((await openMember(file, "the kernel", signal)).plain, signal);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (text(file, 0, 2) === "MZ" && text(file, 4, 4) === "zimg") return await readZboot(file, view, signal);
  if (text(file, 0, 4) === "\x7fELF") {
    throw new UnderstudyError(
      "image_invalid",
      "Cannot use the kernel: it is an ELF file, and the flat Image is wanted (arch/riscv/boot/Image of a kernel build)",
    );
  }
  if (view.getUint32(56, true) !== IMAGE_MAGIC) {
    const isPe = text(file, 0, 2) === "MZ";
    throw new UnderstudyError(
      "image_invalid",
      `Cannot use the kernel: it has no RISC-V image header${isPe ? ", it is a kernel or EFI program for another architecture" : ""}; give the riscv64 kernel`,
    );
  }
  if (view.getBigUint64(24, true) & 1n)
    throw new UnderstudyError("image_invalid", "Cannot use the kernel: it is big endian, and a little endian one is wanted");
  const memoryBytes = Number(view.getBigUint64(16, true));
  const fileBytes = peFileBytes(file, view);
  if (file.length < fileBytes) {
    throw new UnderstudyError(
      "image_truncated",
      `Cannot use the kernel: it has ${file.length} bytes and its sections end at ${fileBytes}; fetch the file again`,
    );
  }
  return { image: file, memoryBytes, release: findRelease(file) };
}

/** Where the last section of the EFI stub ends in the file: how long the file has to be. Without a stub nothing says it. */
function peFileBytes(file: Uint8Array, view: DataView): number {
  const peAt = view.getUint32(60, true);
  if (text(file, 0, 2) !== "MZ" || peAt === 0) return 0;
  const sectionsAt = (): number => {
    if (peAt + 24 > file.length) return file.length + 1;
    return peAt + 24 + view.getUint16(peAt + 20, true);
  };
  if (peAt + 24 <= file.length && text(file, peAt, 4) !== "PE\0\0") return 0;
  const start = sectionsAt();
  const count = peAt + 24 <= file.length ? view.getUint16(peAt + 6, true) : 0;
  let end = start + 40 * count;
  if (end > file.length) return end;
  for (let section = 0; section < count; section++) {
    const at = start + 40 * section;
    end = Math.max(end, view.getUint32(at + 16, true) + view.getUint32(at + 20, true));
  }
  return end;
}

/** `MZ`, "zimg" at 4, offset and size of the payload at 8 and 12, name of its compression at 24. */
async function readZboot(file: Uint8Array, view: DataView, signal?: AbortSignal): Promise<KernelImage> {
  const offset = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  if (offset + size > file.length) {
    throw new UnderstudyError(
      "image_truncated",
      `Cannot use the kernel: it has ${file.length} bytes and its compressed part ends at ${offset + size}; fetch the file again`,
    );
  }
  const payload = file.subarray(offset, offset + size);
  if (detectCompression(payload) === null) {
    const name = text(file, 24, 32).replace(/\0.*$/s, "");
    throw new UnderstudyError(
      "image_invalid",
      `Cannot use the kernel: it is an EFI zboot image compressed with "${name}"; give the flat Image inside of it`,
    );
  }
  return await readKernel((await openMember(payload, "the kernel", signal)).plain, signal);
}

function findRelease(image: Uint8Array): string {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  // The format string "Linux version %s" of other kernels does not match: a release begins with a digit.
  for (let at = bytes.indexOf("Linux version "); at !== -1; at = bytes.indexOf("Linux version ", at + 1)) {
    const release = /^Linux version (\d\S*)/.exec(bytes.toString("latin1", at, at + 128))?.[1];
    if (release !== undefined) return release;
  }
  return "unknown";
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
