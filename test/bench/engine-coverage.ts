/**
 * `engine:coverage`: what of a boot of the default image is interpreted although it is translated, and why, as shares of all
 * instructions: of a first boot, and of a second one that finds what was translated for the first.
 *
 * How much is interpreted is counted. Why is looked at in random instants, some hundred thousand instructions apart: what comes next
 * there, and whether a region was made from it. So those shares have an error of about a percentage point at most.
 */

import { Prng } from "../../src/base/prng.ts";
import { READY_LINE } from "../../src/images/index.ts";
import {
  CSR_CYCLE,
  CSR_FCSR,
  CSR_FFLAGS,
  CSR_FRM,
  CSR_INSTRET,
  CSR_SCAUSE,
  CSR_SEPC,
  CSR_SIE,
  CSR_SSCRATCH,
  CSR_SSTATUS,
  CSR_STVAL,
  CSR_TIME,
} from "../../src/isa/csr.ts";
import { type LinuxFiles, LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import type { Figure } from "./bench-line.ts";
import { type OurEngine, translating } from "./our-engines.ts";

const MEMORY_MIB = 256;
const APART_MIN = 1000;
const APART_MAX = 99_000;

/** CSRs that translated code has read and written by the machine (`isPlain` in src/machine/hart/regions.ts). */
const TRANSLATED_CSRS = new Set<number>([
  ...[CSR_CYCLE, CSR_FCSR, CSR_FFLAGS, CSR_FRM, CSR_INSTRET, CSR_SCAUSE, CSR_SEPC, CSR_SIE, CSR_SSCRATCH, CSR_SSTATUS, CSR_STVAL, CSR_TIME],
]);

export async function* engineCoverage(): AsyncGenerator<Figure> {
  const files = await linuxFiles();
  const { jit, compile } = translating();
  try {
    for (const which of ["first boot", "second boot"]) yield* coverage(which, jit, files);
  } finally {
    await compile.stop();
  }
}

function* coverage(which: string, engine: OurEngine, files: LinuxFiles): Generator<Figure> {
  const guest = new LinuxGuest(files, MEMORY_MIB, null, engine.regions());
  const { vm } = guest;
  const random = new Prng(1);
  const why = new Map<string, number>();
  let looks = 0;
  while (!guest.transcript.includes(READY_LINE)) {
    if (!guest.epoch(BigInt(random.between(APART_MIN, APART_MAX))))
      throw new Error(`the guest has ended: ${guest.transcript.slice(-2000)}`);
    const { nextCode, programCounter } = vm;
    const next = vm.step();
    if (typeof next === "string") continue;
    looks++;
    const reason =
      next.programCounter === programCounter ? reasonFor(nextCode, next.bits, programCounter) : "the first one of a trap handler";
    if (reason !== null) why.set(reason, (why.get(reason) ?? 0) + 1);
  }
  const statistics = vm.regionStatistics();
  if (statistics === null) throw new Error("the guest is not translated");
  const instructions = Number(vm.instant);
  const interpreted = 1 - statistics.retired / instructions;
  const seen = [...why.values()].reduce((sum, count) => sum + count, 0) / looks;
  const figure = (name: string, share: number, detail: Figure["detail"] = {}): Figure => ({
    bench: "engine:coverage",
    name: `${which}: ${name}`,
    unit: "%",
    value: share * 100,
    n: looks,
    better: "lower",
    detail,
  });
  const { installed, exits } = statistics;
  yield figure("interpreted", interpreted, { instructions, installed, ...exits });
  for (const [reason, count] of [...why].sort((one, other) => other[1] - one[1])) yield figure(reason, count / looks);
  // What is left: instructions of a region that the interpreter came to in the middle of it, or at the end of a slice.
  yield figure("in a region, entered elsewhere or cut by the end of a slice", Math.max(0, interpreted - seen));
}

/** @returns why it is interpreted; null: it need not be */
function reasonFor(code: LinuxGuest["vm"]["nextCode"], bits: number, programCounter: bigint): string | null {
  const kind = kindLeft(bits, programCounter);
  if (kind !== null) return kind;
  switch (code) {
    case "in a region":
      return null;
    case "beside the regions of its page":
      return "not hot, or not compiled yet: beside regions of its page";
    default:
      return "not hot, or not compiled yet: in a page without regions";
  }
}

/** Kinds of instruction that regions leave to the interpreter. */
function kindLeft(bits: number, programCounter: bigint): string | null {
  if ((bits & 3) === 3 && programCounter % 4096n === 4094n) return "across two pages";
  const opcode = bits & 0x7f;
  const funct3 = (bits >>> 12) & 7;
  if (opcode === 0x0f && funct3 === 2) return "cache-block operations";
  if (opcode !== 0x73) return null;
  if (funct3 !== 0) return TRANSLATED_CSRS.has(bits >>> 20) ? null : "CSRs of timers and translation";
  if (bits >>> 25 === 9) return "sfence.vma";
  switch (bits) {
    case 0x00000073:
      return "ecall";
    case 0x10200073:
    case 0x30200073:
      return "sret, mret";
    case 0x10500073:
      return "wfi";
  }
  return "ebreak, and what is illegal";
}
