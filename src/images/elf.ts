/** The few fields of a 64-bit RISC-V ELF file that say which loader and which shared libraries it needs. */
import { UnderstudyError } from "../base/errors.ts";

const EM_RISCV = 243;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;

export interface NeededLibraries {
  /** Path of the program's loader, such as `/lib/ld-linux-riscv64-lp64d.so.1`; null for libraries and static programs. */
  readonly interpreter: string | null;
  /** Names as the file has them, such as `libc.so.6`. */
  readonly libraries: readonly string[];
}

/** @throws {UnderstudyError} `image_invalid` unless `file` is a whole 64-bit RISC-V ELF file */
export function neededLibraries(file: Uint8Array, name: string): NeededLibraries {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    if (view.getUint32(0) !== 0x7f454c46 || view.getUint8(4) !== 2 || view.getUint16(18, true) !== EM_RISCV) {
      throw new RangeError("it is not a 64-bit RISC-V program");
    }
    const headersAt = Number(view.getBigUint64(32, true));
    const headerBytes = view.getUint16(54, true);
    const segments = Array.from({ length: view.getUint16(56, true) }, (_none, index) => {
      const at = headersAt + index * headerBytes;
      return {
        type: view.getUint32(at, true),
        offset: Number(view.getBigUint64(at + 8, true)),
        address: view.getBigUint64(at + 16, true),
        bytes: view.getBigUint64(at + 32, true),
      };
    });
    const text = (at: number) => {
      const end = file.indexOf(0, at);
      if (end === -1) throw new RangeError("a text has no end");
      return new TextDecoder().decode(file.subarray(at, end));
    };
    const interp = segments.find((segment) => segment.type === PT_INTERP);
    const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
    const needed: number[] = [];
    let stringsAt = 0;
    for (let at = dynamic?.offset ?? 0; dynamic !== undefined; at += 16) {
      const tag = view.getBigUint64(at, true);
      const value = view.getBigUint64(at + 8, true);
      if (tag === DT_NULL) break;
      if (tag === DT_NEEDED) needed.push(Number(value));
      if (tag === DT_STRTAB) {
        const holder = segments.find(
          (segment) => segment.type === PT_LOAD && value >= segment.address && value < segment.address + segment.bytes,
        );
        if (holder === undefined) throw new RangeError("its strings are in no segment");
        stringsAt = holder.offset + Number(value - holder.address);
      }
    }
    return { interpreter: interp === undefined ? null : text(interp.offset), libraries: needed.map((offset) => text(stringsAt + offset)) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnderstudyError("image_invalid", `Cannot read /${name} of the initrd: ${error.message}`, { cause: error });
  }
}
