/**
 * Random programs for the frame: instructions of all extensions that meet each other, in all modes, over page tables that are
 * mostly sane. A program is a function of its seed.
 *
 * A program ends, whatever its instructions do: its branches lead forward, its loops count down a register that nothing else
 * writes, its frame bounds its traps. So nothing is drawn that could lead elsewhere: no jump to anything but an instruction
 * ahead or where nothing is, no store to its own page tables or code but by sequences made for it, no base of an access but the
 * pointers. What QEMU is known to do otherwise, and what would make a program differ from run to run, is not drawn either:
 * exceptions.ts lists it.
 */
import { Prng } from "../../src/base/prng.ts";
import { ECALL } from "./encode.ts";
import { ARENA, type ProgramRecord, SATP_SV39, SATP_SV48, USER_ARENA } from "./frame.ts";
import { floatBits, initialRegisters, initialStatus, patches, protection } from "./initial-state.ts";
import { DELEGABLE, type Unit, UnitDraws, word } from "./units.ts";

const MENVCFG_STCE = 1n << 63n;
/** QEMU 7.2 sets A and D whatever it is. */
const MENVCFG_ADUE = 1n << 61n;

const MODES = [0, 1, 3, 4, 5];

/** The program of a seed. @param length units, more or less what it retires */
export function randomProgram(seed: bigint, length = 100): ProgramRecord {
  const draws = new UnitDraws(new Prng(seed));
  const units: Unit[] = [];
  for (let index = 0; index < length; index++) units.push(...draws.units());
  units.push({ parcels: [word(ECALL)], ahead: 0 });
  const { code, endOffset } = assemble(units);
  const start = 0x2000 - 2 * draws.below(Math.min(code.length, 0x1000) >> 1);
  const mode = draws.pick([0, 1, 3, 4, 5, 4, 5, 3]);
  const sv48 = draws.chance(3);
  const base = mode === 4 ? USER_ARENA : ARENA;
  const pmp = protection(draws, draws.divided);
  return {
    x: initialRegisters(draws, base - ARENA),
    f: Array.from({ length: 32 }, () => floatBits(draws)),
    mstatus: initialStatus(draws, mode & 3),
    satp: mode < 4 ? 0n : sv48 ? SATP_SV48 : SATP_SV39,
    medeleg: draws.chance(2) ? 0n : BigInt(draws.below(0x10000) & DELEGABLE),
    mideleg: BigInt(draws.below(0x1000) & 0x222),
    mie: BigInt(draws.below(0x1000) & 0xaaa),
    mip: draws.chance(6) ? BigInt(draws.below(0x1000) & 0x222) : 0n,
    mcounteren: BigInt(draws.pick([0, 7, draws.below(8)])),
    scounteren: BigInt(draws.pick([0, 7, draws.below(8)])),
    fcsr: BigInt(draws.pick([0, 0, draws.below(5) << 5, draws.below(256)])),
    menvcfg: MENVCFG_ADUE | (draws.chance(3) ? MENVCFG_STCE : 0n),
    vectored: BigInt(draws.pick([0, 1, 4, 5])),
    ...pmp,
    entry: BigInt(base + start),
    schedule: Array.from({ length: 48 }, () => draws.pick(MODES) | (draws.chance(3) ? 8 : 0)),
    patches: patches(draws, draws.divided),
    codeOffset: start,
    endOffset: start + endOffset,
    code,
  };
}

/** Lays units out; the program's end is its last unit. */
function assemble(units: readonly Unit[]): { code: Uint8Array; endOffset: number } {
  const starts: number[] = [];
  let at = 0;
  for (const { parcels } of units) {
    starts.push(at);
    at += parcels.reduce((sum, { length }) => sum + length, 0);
  }
  const endOffset = starts.at(-1) ?? 0;
  const code = new Uint8Array((at + 7) & ~7);
  const view = new DataView(code.buffer);
  units.forEach(({ parcels, ahead }, index) => {
    const target = starts[Math.min(index + ahead, units.length - 1)] ?? endOffset;
    let here = starts[index] ?? 0;
    for (const { length, bits } of parcels) {
      // By way of auipc the distance is from there: parcels say how far they are behind it.
      const value = bits(target - here);
      if (length === 2) view.setUint16(here, value, true);
      else view.setUint32(here, value >>> 0, true);
      here += length;
    }
  });
  return { code, endOffset };
}
