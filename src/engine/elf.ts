/**
 * Strict loader of 64-bit RISC-V programs in ELF (System V ABI, "Object Files"; RISC-V ELF psABI): what lies where in memory,
 * where to begin, and the symbols that test programs talk to their host by.
 *
 * Segments go to their physical addresses as they were linked. A position-independent program that is linked at 0 goes to the
 * start of memory instead; it relocates itself, as OpenSBI does.
 */
import { UnderstudyError } from "../base/errors.ts";

export interface ElfSegment {
  readonly address: number;
  /** View of the file. */
  readonly bytes: Uint8Array;
  /** At least `bytes.length`; the rest is zeros. */
  readonly memoryBytes: number;
}

/** The symbols of bare-metal test programs; null: the program has none of that name. */
export interface ElfSymbols {
  readonly tohost: number | null;
  readonly fromhost: number | null;
  readonly beginSignature: number | null;
  readonly endSignature: number | null;
}

export const NO_SYMBOLS: ElfSymbols = { tohost: null, fromhost: null, beginSignature: null, endSignature: null };

export interface ElfProgram {
  readonly entry: number;
  /** In order of their addresses. */
  readonly segments: readonly ElfSegment[];
  readonly symbols: ElfSymbols;
}

/** Physical memory [start, end) that a program may lie in. */
export interface MemoryRange {
  readonly start: number;
  readonly end: number;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_RISCV = 243;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;

export function isElf(file: Uint8Array): boolean {
  return file.length >= 4 && file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
}

/**
 * Reads a program that is to be put into `memory`.
 *
 * @throws {UnderstudyError} `elf_invalid`: no ELF file, of another machine, or not whole; `elf_overlap`: two segments share an
 *   address; `elf_outside_memory`: a segment is not in `memory`
 */
export function readElf(file: Uint8Array, memory: MemoryRange): ElfProgram {
  const reader = new ElfReader(file);
  reader.checkIdentity();
  const linked = reader.segments();
  const offset = reader.isPositionIndependent && linked[0]?.address === 0 ? memory.start : 0;
  const segments = linked.map((segment) => ({ ...segment, address: segment.address + offset }));
  for (const { address, memoryBytes } of segments) {
    if (address < memory.start || memoryBytes > memory.end - address) {
      throw new UnderstudyError(
        "elf_outside_memory",
        `Cannot load the ELF file: its segment at ${hex(address)} of ${memoryBytes} bytes is outside of memory, ` +
          `[${hex(memory.start)}, ${hex(memory.end)})`,
      );
    }
  }
  for (const [index, { address }] of segments.entries()) {
    const before = segments[index - 1];
    if (before !== undefined && before.address + before.memoryBytes > address) {
      throw new UnderstudyError(
        "elf_overlap",
        `Cannot load the ELF file: its segment at ${hex(before.address)} of ${before.memoryBytes} bytes overlaps the one at ${hex(address)}`,
      );
    }
  }
  const entry = reader.number(24) + offset;
  if (!segments.some(({ address, memoryBytes }) => entry >= address && entry - address < memoryBytes)) {
    throw invalid(`its entry ${hex(entry)} is in none of its segments`);
  }
  if (entry % 2 !== 0) throw invalid(`its entry ${hex(entry)} is odd`);
  return { entry, segments, symbols: reader.symbols(offset) };
}

class ElfReader {
  private readonly file: Uint8Array;
  private readonly view: DataView;

  constructor(file: Uint8Array) {
    this.file = file;
    this.view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  }

  checkIdentity(): void {
    const { file, view } = this;
    if (!isElf(file)) throw invalid("it does not begin as one");
    if (file.length < HEADER_BYTES) throw invalid(`it has ${file.length} bytes, its header alone ${HEADER_BYTES}`);
    if (file[4] !== CLASS_64) throw invalid("it is not a 64-bit program");
    if (file[5] !== LITTLE_ENDIAN) throw invalid("it is not little endian");
    const machine = view.getUint16(18, true);
    if (machine !== EM_RISCV) throw invalid(`it is for machine ${machine}, not for RISC-V (${EM_RISCV})`);
    const type = view.getUint16(16, true);
    if (type !== ET_EXEC && type !== ET_DYN) throw invalid(`its type is ${type}, not an executable (${ET_EXEC} or ${ET_DYN})`);
    if (file[6] !== 1 || view.getUint32(20, true) !== 1) throw invalid("its version is not 1");
  }

  get isPositionIndependent(): boolean {
    return this.view.getUint16(16, true) === ET_DYN;
  }

  /** In order of their addresses as linked. */
  segments(): ElfSegment[] {
    const { view, file } = this;
    const segments: ElfSegment[] = [];
    for (const at of this.table(32, 54, PROGRAM_HEADER_BYTES, "program headers")) {
      if (view.getUint32(at, true) !== PT_LOAD) continue;
      const offset = this.number(at + 8);
      const address = this.number(at + 24);
      const fileBytes = this.number(at + 32);
      const memoryBytes = this.number(at + 40);
      if (memoryBytes < fileBytes)
        throw invalid(`its segment at ${hex(address)} has ${fileBytes} bytes in the file, ${memoryBytes} in memory`);
      this.checkInside(offset, fileBytes, `segment at ${hex(address)}`);
      if (memoryBytes > 0) segments.push({ address, bytes: file.subarray(offset, offset + fileBytes), memoryBytes });
    }
    if (segments.length === 0) throw invalid("it has no segment to load");
    return segments.sort((a, b) => a.address - b.address);
  }

  /** @param offset what to add to their values */
  symbols(offset: number): ElfSymbols {
    const { view } = this;
    const sections = this.table(40, 58, SECTION_HEADER_BYTES, "section headers");
    const found = new Map<string, number>();
    const table = sections.find((at) => view.getUint32(at + 4, true) === SHT_SYMTAB);
    if (table !== undefined) {
      const start = this.number(table + 24);
      const bytes = this.number(table + 32);
      this.checkInside(start, bytes, "symbol table");
      const strings = sections[view.getUint32(table + 40, true)];
      if (strings === undefined) throw invalid("its symbol table names no string table");
      const stringsAt = this.number(strings + 24);
      const stringsBytes = this.number(strings + 32);
      this.checkInside(stringsAt, stringsBytes, "string table");
      const names = this.file.subarray(stringsAt, stringsAt + stringsBytes);
      for (let at = start; at + SYMBOL_BYTES <= start + bytes; at += SYMBOL_BYTES) {
        const name = WANTED.find((wanted) => isAt(names, view.getUint32(at, true), wanted));
        // Index 0: undefined here, so its value is nowhere.
        if (name !== undefined && view.getUint16(at + 6, true) !== 0) found.set(name, this.number(at + 8) + offset);
      }
    }
    return {
      tohost: found.get("tohost") ?? null,
      fromhost: found.get("fromhost") ?? null,
      beginSignature: found.get("begin_signature") ?? null,
      endSignature: found.get("end_signature") ?? null,
    };
  }

  /** Offsets of a table's entries: the ELF header has its offset at `offsetAt`, its entries' size at `sizeAt`, their count behind. */
  private table(offsetAt: number, sizeAt: number, entryBytes: number, what: string): number[] {
    const start = this.number(offsetAt);
    const count = this.view.getUint16(sizeAt + 2, true);
    if (start === 0 || count === 0) return [];
    const size = this.view.getUint16(sizeAt, true);
    if (size !== entryBytes) throw invalid(`its ${what} have ${size} bytes each, not ${entryBytes}`);
    this.checkInside(start, count * size, what);
    return Array.from({ length: count }, (_none, index) => start + index * size);
  }

  private checkInside(start: number, bytes: number, what: string): void {
    if (start + bytes > this.file.length) {
      throw invalid(`it is truncated: it has ${this.file.length} bytes, and its ${what} ends at ${start + bytes}`);
    }
  }

  /** Beyond 2^53 it loses low bits, and is outside of every file and memory all the same. */
  number(at: number): number {
    return Number(this.view.getBigUint64(at, true));
  }
}

const WANTED = ["tohost", "fromhost", "begin_signature", "end_signature"] as const;

/** Whether the string table has exactly this name there. */
function isAt(names: Uint8Array, at: number, name: string): boolean {
  if (at + name.length >= names.length || names[at + name.length] !== 0) return false;
  for (let i = 0; i < name.length; i++) if (names[at + i] !== name.charCodeAt(i)) return false;
  return true;
}

function invalid(reason: string): UnderstudyError {
  return new UnderstudyError("elf_invalid", `Cannot load the ELF file: ${reason}`);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
