/** Units of a random program: an instruction, or a sequence that belongs together, such as what leads to a unit ahead or changes modes. */
import type { Prng } from "../../src/base/prng.ts";
import {
  add,
  addi,
  auipc,
  branch,
  CSR_IMMEDIATE,
  CSRRC,
  CSRRS,
  CSRRW,
  compressedBranch,
  compressedJump,
  csr,
  EBREAK,
  ECALL,
  FENCE_I,
  iType,
  jal,
  jalr,
  loadImmediate,
  lui,
  MRET,
  rType,
  SFENCE_VMA,
  SRET,
  slli,
  sType,
  WFI,
} from "./encode.ts";
import { arenaLeaf, SATP_SV39, SATP_SV48, SUPERVISOR_TABLE, USER_TABLE } from "./frame.ts";
import { DATA_PAGES, leafFlags } from "./initial-state.ts";
import { InstructionDraws } from "./instructions.ts";
import { ATOMICS, COUNTER, DATA, DATA_BASES, EXOTIC, NOWHERE, TABLE, TEMPORARIES } from "./program-registers.ts";

/** A piece of code at a place that is not known yet. */
export interface Parcel {
  readonly length: 2 | 4;
  /** @param distance from here to the unit that it leads to */
  readonly bits: (distance: number) => number;
}

/** Instructions that nothing jumps between. */
export interface Unit {
  readonly parcels: readonly Parcel[];
  /** How many units ahead its jump leads. */
  readonly ahead: number;
}

const FREE_CSRS = [0x001, 0x002, 0x003, 0x003, 0x140, 0x141, 0x142, 0x143, 0x340, 0x341, 0x342, 0x343];
/** Read only as drawn: fields that ours and QEMU's have otherwise, or that would lead the frame astray. */
const READ_CSRS = [
  0x100, 0x104, 0x105, 0x106, 0x144, 0x14d, 0x180, 0x300, 0x302, 0x303, 0x304, 0x305, 0x306, 0x344, 0xf11, 0xf12, 0xf13, 0xf14, 0x3a0,
  0x3b0,
];
const MSCRATCH = 0x340;
const COUNTERS = [0xc00, 0xc01, 0xc02];

/** In the place of a branch whose target is out of reach. */
const C_NOP = 0x0001;

/** Exceptions that go to S mode: not a fetch that is refused, since the handler there may be what is refused, nor its ecall. */
export const DELEGABLE = 0xb1fd;

export class UnitDraws extends InstructionDraws {
  /** PMP has something to say; then page tables are as usual. */
  readonly divided: boolean;

  constructor(prng: Prng) {
    super(prng);
    this.divided = this.chance(6);
  }

  units(): Unit[] {
    const kind = this.below(200);
    if (kind < 44) return [plain(this.integer())];
    if (kind < 62) return [{ parcels: [half(this.compressed())], ahead: 0 }];
    if (kind < 68) return [plain(this.below(2) === 0 ? lui(this.rd(), this.below(1 << 20)) : auipc(this.rd(), this.below(1 << 20)))];
    if (kind < 84) return [plain(this.load())];
    if (kind < 96) return [plain(this.store())];
    if (kind < 102) return [plain(...this.amoWithProbe())];
    if (kind < 105) return [plain(...this.loadReserved())];
    if (kind < 116) return [this.branch()];
    if (kind < 121) return [this.jump()];
    if (kind < 144) return [plain(this.float())];
    if (kind < 150) return [plain(this.floatAccess())];
    if (kind < 160) return [plain(...this.csrAccess())];
    if (kind < 166) return [plain(...this.statusChange())];
    if (kind < 170) return [plain(ECALL)];
    if (kind < 171) {
      if (this.chance(3)) return [plain(...this.waitForInterrupt())];
      return [this.chance(2) ? plain(EBREAK) : { parcels: [half(0x9002)], ahead: 0 }];
    }
    if (kind < 175) return [plain(this.pick([FENCE_I, 0x0ff0_000f, SFENCE_VMA, 0x0100_000f, 0x1209_0073, 0x12c0_0073]))];
    if (kind < 178) return [this.trapReturn()];
    if (kind < 184) return [this.loop()];
    if (kind < 186) return this.selfModification();
    if (kind < 188) return [plain(...(this.divided ? this.csrAccess() : this.leafChange()))];
    if (kind < 190) return [plain(...this.asOtherMode())];
    if (kind < 191) return [plain(jalr(1, this.pick([NOWHERE, EXOTIC]), this.below(64)))];
    if (kind < 193) return [plain(...this.interruptChange())];
    if (kind < 195) return [plain(...this.constant())];
    if (kind < 197) return [plain(this.noise())];
    return [{ parcels: [half(this.compressedNoise())], ahead: 0 }];
  }

  /** Mostly only where a load from there has not trapped: where there is no RAM, QEMU parts from us. */
  private amoWithProbe(): number[] {
    if (this.chance(4)) return [this.amo()];
    const [loaded, before] = [28, 29];
    const amo = this.amo();
    const base = (amo >>> 15) & 31;
    return [lui(loaded, 0x5ca1e), addi(before, loaded, 0), iType(0x03, 3, loaded, base, 0), branch(0, loaded, before, 8), amo];
  }

  /** LR, perhaps some arithmetic, SC, perhaps another one, which fails; none where LR has trapped. */
  private loadReserved(): number[] {
    const size = this.pick([2, 3]);
    const [loaded, before] = [28, 29];
    const between = Array.from({ length: this.below(3) }, () => this.integer());
    const conditional = () => rType(0x2f, size, 0x0c | this.below(4), this.rd(), ATOMICS, this.rs());
    const guarded = [...between, conditional(), ...(this.chance(3) ? [conditional()] : [])];
    return [
      lui(loaded, 0x5ca1e),
      addi(before, loaded, 0),
      rType(0x2f, size, 0x08 | this.below(4), loaded, ATOMICS, 0),
      branch(0, loaded, before, 4 * (guarded.length + 1)),
      ...guarded,
    ];
  }

  private branch(): Unit {
    const ahead = 1 + this.below(6);
    if (this.chance(3)) {
      const nonzero = this.chance(2);
      const short = this.below(8);
      return { parcels: [{ length: 2, bits: (distance) => (distance < 256 ? compressedBranch(nonzero, short, distance) : C_NOP) }], ahead };
    }
    const funct3 = this.pick([0, 1, 4, 5, 6, 7]);
    const rs1 = this.rs();
    const rs2 = this.rs();
    return { parcels: [{ length: 4, bits: (distance) => branch(funct3, rs1, rs2, distance) }], ahead };
  }

  private jump(): Unit {
    const ahead = 1 + this.below(6);
    const link = this.pick([0, 1, 1, 5]);
    const by = this.pick(TEMPORARIES);
    switch (this.below(4)) {
      case 0:
        return { parcels: [{ length: 2, bits: compressedJump }], ahead };
      case 1:
        return { parcels: [{ length: 4, bits: (distance) => jal(link, distance) }], ahead };
      case 2: {
        const odd = this.below(2);
        return { parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => jalr(link, by, distance + 4 + odd) }], ahead };
      }
      default: {
        const compressed = half(0x8002 | (by << 7) | (this.below(2) << 12));
        return { parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => addi(by, by, distance + 4) }, compressed], ahead };
      }
    }
  }

  private csrAccess(): number[] {
    if (this.chance(4)) return [csr(CSRRS, this.rd(), this.pick(READ_CSRS), 0)];
    if (this.chance(8)) return [csr(CSRRS, 0, this.pick(COUNTERS), 0)];
    if (this.chance(8)) return [csr(CSRRW | CSR_IMMEDIATE, this.rd(), this.pick([0x106, 0x306]), this.below(8))];
    if (this.chance(8)) return [csr(CSRRW | CSR_IMMEDIATE, this.rd(), 0x10a, this.below(2))];
    if (this.chance(8)) return this.addressSpaceChange();
    if (this.chance(8)) return this.restored();
    const number = this.pick(FREE_CSRS.filter((candidate) => candidate !== MSCRATCH));
    const funct3 = this.pick([1, 2, 3, 5, 6, 7]);
    const isPc = number === 0x141 || number === 0x341;
    const source = funct3 >= 4 ? this.below(32) & (isPc ? ~1 : ~0) : this.rs();
    // Both keep an even address as it is.
    if (isPc && funct3 < 4) return [slli(30, source, 1), csr(funct3, this.rd(), number, 30)];
    return [csr(funct3, this.rd(), number, source)];
  }

  private addressSpaceChange(): number[] {
    const [first, second] = [28, 29];
    if (this.chance(3)) return [csr(CSRRW, this.rd(), 0x180, 0)];
    const satp = this.chance(3) ? SATP_SV48 : SATP_SV39;
    return [
      addi(first, 0, Number(satp >> 60n)),
      slli(first, first, 60),
      ...loadImmediate(second, Number(satp & 0xfff_ffffn)),
      rType(0x33, 6, 0, first, first, second),
      csr(CSRRW, this.rd(), 0x180, first),
    ];
  }

  /** Writes what the frame needs, and puts it back. */
  private restored(): number[] {
    const number = this.pick([0x105, 0x305, MSCRATCH, 0x3b0, 0x3b1]);
    const isAddress = number >= 0x3b0;
    const source = this.rs();
    // Vectors: what is reserved in their lowest bits is not written. Addresses of PMP entries that are off: of 54 bits.
    return [
      slli(30, source, isAddress ? 10 : 2),
      ...(isAddress ? [iType(0x13, 5, 30, 30, 10)] : []),
      csr(CSRRW, 29, number, 30),
      csr(CSRRW, 28, number, 29),
    ];
  }

  private statusChange(): number[] {
    const inMachine = this.chance(2);
    const set = this.chance(2);
    let mask = 0;
    for (const bit of [0x02, 0x20, 0x100, 0x4_0000, 0x8_0000]) if (this.chance(3)) mask |= bit;
    if (this.chance(set ? 4 : 10)) mask |= 0x6000;
    if (inMachine) {
      for (const bit of [0x08, 0x80]) if (this.chance(3)) mask |= bit;
      for (const bit of [0x10_0000, 0x20_0000, 0x40_0000]) if (this.chance(12)) mask |= bit;
      if (this.chance(3)) mask |= set ? this.pick([0x800, 0x1800]) : 0x1800;
    }
    const by = this.pick(TEMPORARIES);
    return [...loadImmediate(by, mask), csr(set ? CSRRS : CSRRC, this.rd(), inMachine ? 0x300 : 0x100, by)];
  }

  private interruptChange(): number[] {
    const by = this.pick(TEMPORARIES);
    const [number = 0, mask = 0] = this.pick([
      [0x104, 0x222],
      [0x144, 0x002],
      [0x302, DELEGABLE],
      [0x303, 0x222],
      [0x304, 0xaaa],
      [0x344, 0x222],
      [0x344, 0x222],
    ]);
    return [...loadImmediate(by, this.below(0x10000) & mask), csr(this.pick([CSRRW, CSRRS, CSRRC]), this.rd(), number, by)];
  }

  /** mret or sret to an instruction ahead. */
  private trapReturn(): Unit {
    const ahead = 1 + this.below(4);
    const [by, other] = [28, 29];
    const machine = this.chance(2);
    const mode = this.pick([0, 1, 3]);
    // Where U mode has the code: S mode may not execute it there.
    const user = this.chance(mode === 0 ? 2 : 6);
    const before = user ? [lui(other, 0x40000), add(by, by, other)] : [];
    const status = machine
      ? [...loadImmediate(other, 0x1800), csr(CSRRC, 0, 0x300, other), ...loadImmediate(other, mode << 11), csr(CSRRS, 0, 0x300, other)]
      : [addi(other, 0, 0x100), csr(mode === 0 ? CSRRC : CSRRS, 0, 0x100, other)];
    const tail = [...before, csr(CSRRW, 0, machine ? 0x341 : 0x141, by), ...status, machine ? MRET : SRET];
    return {
      parcels: [word(auipc(by, 0)), { length: 4, bits: (distance) => addi(by, by, distance + 4) }, ...tail.map(word)],
      ahead,
    };
  }

  private loop(): Unit {
    const body = Array.from({ length: 1 + this.below(5) }, () =>
      this.pick([() => this.integer(), () => this.integer(), () => this.load(), () => this.store(), () => this.float()])(),
    );
    return plain(addi(COUNTER, 0, 1 + this.below(6)), ...body, addi(COUNTER, COUNTER, -1), branch(1, COUNTER, 0, -4 * (body.length + 1)));
  }

  /** Replaces an instruction ahead, where it can be written, and fence.i. Where PMP divides, by halves: no store is across pages. */
  private selfModification(): Unit[] {
    const ahead = 1 + this.below(2);
    const [by, value, other] = [28, 29, 30];
    const fresh = this.chance(6) ? 0xffff_ffff : this.integer();
    const by2 = this.pick([[], [], [lui(other, 0x40200), add(by, by, other)]]); // or the supervisor's alias of it
    const tail = [...by2, ...loadImmediate(value, fresh | 0)];
    /** @param before instructions between `tail` and it @param at of its bytes in the instruction */
    const store = (funct3: number, before: number, at: number): Parcel => ({
      length: 4,
      bits: (distance) => sType(0x23, funct3, by, value, distance + 4 * (tail.length + 1 + before) + at),
    });
    const stores = this.divided ? [store(1, 0, 0), word(iType(0x13, 5, value, value, 16)), store(1, 2, 2)] : [store(2, 0, 0)];
    return [
      { parcels: [word(auipc(by, 0)), ...tail.map(word), ...stores, word(FENCE_I)], ahead },
      ...(ahead === 2 ? [plain(this.integer())] : []),
      plain(this.integer()),
    ];
  }

  /** Accesses of M mode as if of another. */
  private asOtherMode(): number[] {
    const by = this.pick(TEMPORARIES);
    const accesses = Array.from({ length: 1 + this.below(4) }, () =>
      this.pick([() => this.load(DATA_BASES), () => this.store(), () => this.floatAccess(DATA_BASES), () => this.amo()])(),
    );
    return [
      ...loadImmediate(by, 0x1800),
      csr(CSRRC, 0, 0x300, by),
      ...loadImmediate(by, 0x2_0000 | this.pick([0, 0x800])),
      csr(CSRRS, 0, 0x300, by),
      ...accesses,
      ...loadImmediate(by, 0x2_0000),
      csr(CSRRC, 0, 0x300, by),
    ];
  }

  /** Another leaf, where the table can be written, and sfence.vma. */
  private leafChange(): number[] {
    const page = this.pick(DATA_PAGES);
    const { offset, value } = arenaLeaf(0, page, leafFlags(this, page, this.pick([SUPERVISOR_TABLE, USER_TABLE])));
    return [...loadImmediate(29, Number(value)), sType(0x23, 3, TABLE, 29, offset), SFENCE_VMA];
  }

  /** WFI with an interrupt that is pending and enabled, but not taken: where it would wait it is left out. */
  private waitForInterrupt(): number[] {
    const [by, other] = [28, 29];
    const bit = 2; // SSIP
    const [status, enabled, pending] = this.chance(2) ? [0x300, 0x304, 0x344] : [0x100, 0x104, 0x144];
    return [
      addi(by, 0, 0),
      csr(CSRRC | CSR_IMMEDIATE, 0, status, status === 0x300 ? 8 : bit),
      csr(CSRRS | CSR_IMMEDIATE, 0, enabled, bit),
      csr(CSRRS | CSR_IMMEDIATE, 0, pending, bit),
      csr(CSRRS, by, pending, 0),
      csr(CSRRS, other, enabled, 0),
      rType(0x33, 7, 0, by, by, other),
      iType(0x13, 7, by, by, bit),
      branch(0, by, 0, 12),
      WFI,
      csr(CSRRC | CSR_IMMEDIATE, 0, pending, bit),
    ];
  }

  private constant(): number[] {
    const rd = this.pick(DATA);
    return [...loadImmediate(rd, Number(this.prng.u64() & 0xffff_ffffn) | 0), ...(this.chance(2) ? [slli(rd, rd, this.below(64))] : [])];
  }
}

export function word(bits: number): Parcel {
  return { length: 4, bits: () => bits };
}

function half(bits: number): Parcel {
  return { length: 2, bits: () => bits };
}

function plain(...words: readonly number[]): Unit {
  return { parcels: words.map(word), ahead: 0 };
}
