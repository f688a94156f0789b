/**
 * Where QEMU 7.2 and our machine may differ, each with its reason: what the specifications leave open, and errors of QEMU's.
 *
 * Nothing else is excused. `npm run fuzz -- --exceptions` prints them.
 */
import { type CsrName, type Trap, USER_ARENA } from "./frame.ts";

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
    name: "order-of-parts",
    reason:
      "where both parts of a store across pages fault, QEMU translates both before it finds that the first is no RAM; either may be told",
    excuses: (ours, theirs) =>
      ours.cause === 7n &&
      theirs.cause === 15n &&
      ours.epc === theirs.epc &&
      (theirs.tval & 0xfffn) === 0n &&
      theirs.tval > ours.tval &&
      theirs.tval - ours.tval < 8n,
    goesOn: false,
  },
  {
    name: "torn-store",
    reason: "of a store across pages whose second part is refused as no RAM QEMU has stored the first part; it may, ours has not",
    excuses: (ours, theirs, instruction) =>
      ours.cause === 7n && alike(ours, theirs) && (ours.tval & 0xfffn) === 0n && STORE_OPCODES.includes(opcodeOf(instruction)),
    goesOn: false,
  },
  {
    name: "fetch-by-the-entry-of-an-access",
    reason:
      "QEMU 7.2 asks U only when it walks, and has one TLB for what S mode reads with SUM and what it fetches: so S mode runs a page of U mode's that it has read; it never may",
    excuses: (ours, theirs) =>
      ours.cause === 12n && ours.epc === ours.tval && inUserCode(ours.epc) && fromSupervisor(ours) && !alike(ours, theirs),
    goesOn: false,
  },
];

/** In the arena's pages of code, at the addresses that are U mode's. */
function inUserCode(address: bigint): boolean {
  return address >= BigInt(USER_ARENA + 0x1000) && address < BigInt(USER_ARENA + 0x3000);
}

function fromSupervisor({ mstatus, mip }: Trap): boolean {
  const toSupervisor = mip >> 63n === 1n;
  return toSupervisor ? (mstatus & 0x100n) !== 0n : (mstatus & 0x1800n) === 0x800n;
}

/** Bits of CSRs that QEMU 7.2 does not have: misa.B, menvcfg.ADUE. */
export const OPEN_BITS: Readonly<Partial<Record<CsrName, bigint>>> = { misa: 1n << 1n, menvcfg: 1n << 61n };

/** What CSRs are allowed to be otherwise. */
export interface CsrException {
  readonly numbers: readonly number[];
  readonly reason: string;
  /** Whether a read may differ so; null: it was illegal. */
  readonly read?: (ours: bigint | null, theirs: bigint | null) => boolean;
  /** Bits that may differ after a write. */
  readonly write?: (written: bigint) => bigint;
}

const ALL = (1n << 64n) - 1n;
const range = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
const bothThere = (ours: bigint | null, theirs: bigint | null) => ours !== null && theirs !== null;

export const CSR_EXCEPTIONS: readonly CsrException[] = [
  { numbers: [0xb00, 0xb02, 0xc00, 0xc01, 0xc02], reason: "counters run, and QEMU's are the host's clock", read: bothThere },
  {
    numbers: [...range(0xb03, 29), ...range(0xc03, 29)],
    reason: "QEMU 7.2 refuses counters that count nothing; they read zero",
    read: (ours, theirs) => ours === 0n && theirs === null,
  },
  { numbers: range(0x7a0, 5), reason: "QEMU has triggers, we have none", read: (ours) => ours === null },
  { numbers: [0x24d], reason: "QEMU 7.2 has vstimecmp even without the hypervisor extension", read: (ours) => ours === null },
  {
    numbers: [0x301],
    reason: "QEMU 7.2 has Zba, Zbb and Zbs, and no misa.B",
    read: (ours, theirs) => ours !== null && theirs !== null && (ours ^ theirs) === 2n,
    write: () => 2n,
  },
  {
    numbers: [0x100, 0x300],
    reason: "QEMU 7.2 holds VS without vectors, and whatever is written as UXL; SD is of VS, too",
    write: () => (1n << 63n) | 0x3_0000_0600n,
  },
  { numbers: [0x300], reason: "QEMU 7.2 holds GVA and MPV without the hypervisor extension", write: () => 0xc0n << 32n },
  { numbers: [0x300], reason: "QEMU 7.2 holds MPP of 2", write: (written) => (((written >> 11n) & 3n) === 2n ? 0x1800n : 0n) },
  {
    numbers: [0x105, 0x305],
    reason: "reserved modes: QEMU keeps the old vector, we take its address",
    write: (written) => ((written & 2n) === 0n ? 0n : ALL),
  },
  { numbers: [0x106, 0x306], reason: "QEMU 7.2 holds 64 bits of 32", write: () => ALL << 32n },
  {
    numbers: [0x10a, 0x30a],
    reason: "CBIE of 2 is reserved: QEMU 7.2 holds it",
    write: (written) => ((written & 0x30n) === 0x20n ? 0x30n : 0n),
  },
  { numbers: [0x30a], reason: "QEMU 7.2 holds PBMTE without Svpbmt, and has no ADUE", write: () => 3n << 61n },
  { numbers: [0x141, 0x341], reason: "QEMU 7.2 holds bit 0", write: () => 1n },
  {
    numbers: [0x180],
    reason: "bare mode with a table is reserved: QEMU holds the table",
    write: (written) => (written >> 60n === 0n ? ALL : 0n),
  },
  { numbers: [0x180], reason: "QEMU has Sv57", write: (written) => (written >> 60n === 10n ? ALL : 0n) },
  {
    numbers: [0x302],
    reason: "QEMU 7.2 holds ecall from M, which no lower mode makes, and what is the hypervisor extension's",
    write: () => 0xf0_0c00n,
  },
  {
    numbers: [0x303, 0x304, 0x344],
    reason: "QEMU 7.2 holds interrupts of the hypervisor extension and of counters that overflow, and has neither",
    write: () => 0x2444n,
  },
  { numbers: [0x320], reason: "counters that read zero need no inhibition", write: () => ALL & ~5n },
  {
    numbers: [0x3a0, 0x3a2],
    reason: "QEMU 7.2 holds reserved bits, and W without R",
    write: (written) => {
      let open = 0n;
      for (let bit = 0n; bit < 64n; bit += 8n) open |= (((written >> bit) & 1n) === 0n ? 0x62n : 0x60n) << bit;
      return open;
    },
  },
  { numbers: range(0x3b0, 16), reason: "QEMU 7.2 holds more than 54 bits", write: () => ALL << 54n },
];

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
