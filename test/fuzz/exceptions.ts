/**
 * Where QEMU 7.2 and our machine may differ, each with its reason: what the specifications leave open, and errors of QEMU's.
 *
 * Nothing else is excused. `npm run fuzz -- --exceptions` prints them.
 */
import type { CsrName, Trap } from "./frame.ts";

export interface Exception {
  readonly name: string;
  readonly reason: string;
  /**
   * Whether a pair of traps is this; asked of each pair, whether they differ or not.
   *
   * @param ours, theirs of the same number in both logs
   * @param instruction the program's bits at `ours.epc`; 0 where that is not in it
   */
  readonly excuses: (ours: Trap, theirs: Trap, instruction: number) => boolean;
  /** The programs are the same after it; otherwise they part here, and no more is compared. */
  readonly goesOn: boolean;
}

/** Whether nothing but these differs. */
function alike(ours: Trap, theirs: Trap, ...but: readonly (keyof Trap)[]): boolean {
  return (["cause", "epc", "tval", "mstatus", "mip"] as const).every((field) => but.includes(field) || ours[field] === theirs[field]);
}

/** Of stores, and rows (as `opcodeOf` has them) of compressed ones. */
const STORE_OPCODES = [0x23, 0x27, 0x105, 0x106, 0x107, 0x115, 0x116, 0x117];

/** Of a compressed instruction 0x100, its quadrant and funct3. */
function opcodeOf(instruction: number): number {
  return (instruction & 3) === 3 ? instruction & 0x7f : 0x100 | ((instruction & 3) << 3) | ((instruction >>> 13) & 7);
}

const isAmo = (instruction: number) => (instruction & 0x7f) === 0x2f && instruction >>> 28 !== 1;

export const EXCEPTIONS: readonly Exception[] = [
  {
    name: "breakpoint-tval",
    reason: "mtval of a breakpoint is its address or 0, as one likes; QEMU's is 0",
    excuses: (ours, theirs) => ours.cause === 3n && alike(ours, theirs, "tval") && theirs.tval === 0n && ours.tval === ours.epc,
    goesOn: true,
  },
  {
    name: "split-access-tval",
    reason: "QEMU splits a misaligned access to what is no RAM into aligned ones, and names the first of them",
    excuses: (ours, theirs) =>
      (ours.cause === 5n || ours.cause === 7n) &&
      ours.tval !== theirs.tval &&
      alike(ours, theirs, "tval") &&
      [1n, 3n, 7n].some((mask) => theirs.tval === (ours.tval & ~mask)),
    goesOn: true,
  },
  {
    name: "atomic-access-fault",
    reason: "QEMU executes an AMO to what is no RAM as a load and a store, so that it faults as a load; it must as a store",
    excuses: (ours, theirs, instruction) => isAmo(instruction) && ours.cause === 7n && theirs.cause === 5n && ours.epc === theirs.epc,
    goesOn: false,
  },
  {
    name: "interrupt-order",
    reason:
      "of interrupts that are pending at once QEMU 7.2 takes the one with the lowest number; MEI, MSI, MTI, SEI, SSI, STI is the order",
    excuses: (ours, theirs) =>
      ours.cause !== theirs.cause &&
      alike(ours, theirs, "cause") &&
      [ours, theirs].every(({ cause, mip }) => cause >> 63n === 1n && ((mip >> (cause & 63n)) & 1n) === 1n),
    goesOn: false,
  },
  {
    name: "torn-store",
    reason: "of a store across pages whose second part is refused as no RAM QEMU has stored the first part; it may, ours has not",
    excuses: (ours, theirs, instruction) =>
      ours.cause === 7n && alike(ours, theirs) && (ours.tval & 0xfffn) === 0n && STORE_OPCODES.includes(opcodeOf(instruction)),
    goesOn: false,
  },
];

/** Bits of CSRs that QEMU 7.2 does not have: misa.B, menvcfg.ADUE. */
export const OPEN_BITS: Readonly<Partial<Record<CsrName, bigint>>> = { misa: 1n << 1n, menvcfg: 1n << 61n };

/** What is not drawn, since it has no one outcome. */
export const NOT_DRAWN: readonly { readonly what: string; readonly reason: string }[] = [
  { what: "reads of time, cycle and instret, but of whether they are allowed", reason: "QEMU's are the host's clock" },
  {
    what: "SC without a reservation, of another size or address than LR's, or after a trap",
    reason: "what a reservation covers, and whether an SC that fails anyway may fault, is left open",
  },
  { what: "FS of initial or clean", reason: "what makes it dirty is left open; QEMU's compares and conversions to integers do not" },
  { what: "xret with MPRV", reason: "QEMU 7.2 leaves it set; leaving M mode must clear it" },
  {
    what: "accesses with MPRV to the page that runs",
    reason: "QEMU 7.2 has one TLB for fetches and for such accesses, and so does not translate them",
  },
  {
    what: "a change of the page that runs in the page tables",
    reason: "until sfence.vma either translation may be used: ours is the new one, QEMU's the old one",
  },
  { what: "MPP of 2", reason: "QEMU 7.2 stores it" },
  { what: "vectors with reserved modes", reason: "WARL: QEMU keeps the old one, we take the address" },
  { what: "pmpaddr of more than 54 bits", reason: "QEMU 7.2 stores them" },
  { what: "odd addresses in mepc and sepc", reason: "QEMU 7.2 stores bit 0" },
  { what: "delegation of ecall from M", reason: "QEMU 7.2 has the bit" },
  { what: "code on a page whose neighbour is no RAM", reason: "QEMU 7.2 ends itself: it has an assertion that there is no such thing" },
  { what: "Zicbom and Zicboz", reason: "QEMU 7.2 has them not" },
  { what: "menvcfg.ADUE of 0", reason: "QEMU 7.2 sets A and D in any case" },
  { what: "ctzw", reason: "QEMU 7.2 counts zeros of all 64 bits" },
  {
    what: "accesses across pages of which PMP has something to say about one",
    reason: "they may be one access to PMP or two: one to QEMU, two here",
  },
  { what: "PMP that refuses page tables", reason: "QEMU 7.2 does not ask it about setting A and D" },
  { what: "PMP that refuses pages whose A or D is not set", reason: "QEMU 7.2 sets D, too, before it asks; A may be set, D may not" },
  { what: "code on a page that PMP divides", reason: "QEMU 7.2 asks PMP about all of a page that is fetched from" },
  { what: "pages that may be executed and hold data", reason: "random data leads anywhere" },
];
