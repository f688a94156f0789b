/**
 * What translated code and the machine know of each other: addresses in the machine's linear memory, the functions that a
 * region calls, and the form of a region itself (`src/machine/hart/regions.ts` is the other side).
 *
 * A region is a function
 *
 *     (base: i64, table: i32, set: i32, left: i32, entry: i64) -> i32
 *
 * with base: the page's virtual address; table: its decode table; set: the TLB set of data accesses in the present mode and address
 * space; left: instructions that may retire, unless `more` gives it more; entry: the decode entry that leads here. It stores the
 * program counter it comes to and returns `left | reason << 30`, with left: what is left now. Where the program counter is an entry
 * of another region, it calls that as the last thing it does, by way of the dispatcher (dispatcher.ts), which has the table that all
 * regions of the machine are in, by their numbers.
 *
 * A decode entry of 8 bytes, at table + 4 * offset, says where a region is entered: the operation u8, 0, the index of the entry
 * u16 at 2, and the number of the region u32 at 4. The parameters are as many as V8 has registers for.
 */
import { I32, I64 } from "./wasm-builder.ts";

/** Of a decode entry: where the number of the region is. */
export const ENTRY_NUMBER_SHIFT = 32;

/** Why a region was left. */
export const EXIT_JUMP = 0;
/** The instruction at the program counter is the interpreter's: it has not retired. */
export const EXIT_INTERPRET = 1;
/** An access touched what the machine must look at before the next instruction. */
export const EXIT_LOOK_AGAIN = 2;

export const EXIT_REASON_SHIFT = 30;

/** Addresses in the machine's memory. */
export interface MachineAddresses {
  /** x0..x31, then f0..f31, 8 bytes each. */
  readonly registers: number;
  readonly programCounter: number;
  readonly mstatus: number;
  readonly fcsr: number;
  /** TLBs: entries of 16 bytes, tag u64 and at 8 what makes a linear address of the low half of a virtual one. */
  readonly readTlb: number;
  readonly writeTlb: number;
  /** Mask, of a virtual address >> 8: where its entry is in a set. */
  readonly tlbSlots: number;
  /** TLB of code: tag u64, and at 8 the page's decode table. Its set for the present mode is at `execSet`, u32. */
  readonly execTlb: number;
  readonly execSet: number;
  /** u32 a region, modulo 2^32: the instructions it has retired, unless it was compiled for speed. */
  readonly heat: number;
  /** u64: how often one region led to another. */
  readonly jumps: number;
  /** How the last call of `load`, `atomic` or `csr` ended: 0 done, 1 to be interpreted (nothing has changed), 2 done and look again. */
  readonly outcome: number;
}

/** Functions of the machine that regions import, in the order of their indices. */
export const MACHINE_FUNCTIONS = {
  /** (address, kind: size | 16 where it extends the sign) -> value */
  load: { index: 0, type: { parameters: [I64, I32], results: [I64] } },
  /** (address, size, value) -> outcome */
  store: { index: 1, type: { parameters: [I64, I32, I64], results: [I32] } },
  /** (funct5 | size << 8, address, operand) -> what was in memory, or SC's answer */
  atomic: { index: 2, type: { parameters: [I32, I64, I64], results: [I64] } },
  /** (instruction, source, instructions left before it) -> what was in the CSR */
  csr: { index: 3, type: { parameters: [I32, I64, I32], results: [I64] } },
  /** (instruction) -> whether it is legal; its integer operands are in memory, and its result */
  float: { index: 4, type: { parameters: [I32], results: [I32] } },
  mulh: { index: 5, type: { parameters: [I64, I64], results: [I64] } },
  mulhsu: { index: 6, type: { parameters: [I64, I64], results: [I64] } },
  mulhu: { index: 7, type: { parameters: [I64, I64], results: [I64] } },
  /** () -> the TLB set of data accesses: after a write to a CSR that may change it */
  dataSet: { index: 8, type: { parameters: [], results: [I32] } },
  /** (instructions left: negative, they do not suffice) -> how many there are then, as many or more */
  more: { index: 9, type: { parameters: [I32], results: [I32] } },
} as const;

export const REGION_TYPE = { parameters: [I64, I32, I32, I32, I64], results: [I32] } as const;

/** The dispatcher's function, which regions import as well. */
export const DISPATCH = { name: "dispatch", index: Object.keys(MACHINE_FUNCTIONS).length, type: REGION_TYPE } as const;

/** All functions that regions import, in the order of their indices. */
export const REGION_IMPORTS = [...Object.entries(MACHINE_FUNCTIONS).map(([name, { type }]) => ({ name, type })), DISPATCH];

/**
 * A region that was compiled for speed knows some of the regions that it leads to: where a decode entry is one of its `LINK_ENTRIES`,
 * it goes on in the function of the same index in its table `LINK_TABLE`, and otherwise by way of the dispatcher, and says so in
 * `LINK_MISSED`. The engine fills these in, and takes them back before the entry's region is another one.
 */
export const LINK_TABLE = "links";
export const LINK_ENTRIES: readonly string[] = ["entry0", "entry1", "entry2", "entry3"];
export const LINK_MISSED = "missed";

/** What the parameters are called. */
export const REGION_PARAMETERS = ["base", "table", "set", "left", "entry"] as const;
