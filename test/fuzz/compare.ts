/** Compares what two engines made of a program. */
import { EXCEPTIONS, type Exception, OPEN_BITS } from "./exceptions.ts";
import { ARENA, CSR_NAMES, type ProgramRecord, type ProgramResult, type Trap, USER_ARENA } from "./frame.ts";

export interface Comparison {
  /** What differs, in words; nothing: the results are the same as far as they can be compared. */
  readonly differences: readonly string[];
  /** The exceptions that were met. */
  readonly excused: readonly Exception[];
}

const TRAP_FIELDS = ["cause", "epc", "tval", "mstatus", "mip"] as const;

export function compareResults(program: ProgramRecord, ours: ProgramResult, theirs: ProgramResult): Comparison {
  const excused: Exception[] = [];
  const most = Math.max(ours.traps.length, theirs.traps.length);
  for (let index = 0; index < most; index++) {
    const [a, b] = [ours.traps[index], theirs.traps[index]];
    if (a === undefined || b === undefined) {
      return { differences: [`trap ${index}: ${a ? describeTrap(a) : "none"}, theirs ${b ? describeTrap(b) : "none"}`], excused };
    }
    const same = TRAP_FIELDS.every((field) => a[field] === b[field]);
    const exception = EXCEPTIONS.find(({ excuses }) => excuses(a, b, instructionAt(program, a.epc)));
    if (exception === undefined && same) continue;
    if (exception === undefined) return { differences: [`trap ${index}: ${describeTrap(a)}, theirs ${describeTrap(b)}`], excused };
    excused.push(exception);
    if (!exception.goesOn) return { differences: [], excused };
  }
  const differences: string[] = [];
  const check = (name: string, a: bigint | undefined, b: bigint | undefined) => {
    if (a !== b) differences.push(`${name}: ${a?.toString(16)}, theirs ${b?.toString(16)}`);
  };
  for (const name of CSR_NAMES) {
    const open = OPEN_BITS[name] ?? 0n;
    check(name, ours.csrs[name] & ~open, theirs.csrs[name] & ~open);
  }
  for (let register = 1; register < 32; register++) check(`x${register}`, ours.x[register], theirs.x[register]);
  for (let register = 0; register < 32; register++) check(`f${register}`, ours.f[register], theirs.f[register]);
  if (ours.checksum !== theirs.checksum) differences.push("memory");
  return { differences, excused };
}

export function describeTrap({ cause, epc, tval, mstatus, mip }: Trap): string {
  const where = mip >> 63n === 1n ? "to S" : "to M";
  return `cause ${cause.toString(16)} ${where} at ${epc.toString(16)}, tval ${tval.toString(16)}, mstatus ${mstatus.toString(16)}, mip ${(mip & ~(1n << 63n)).toString(16)}`;
}

/** The bits of a program's instruction as it was drawn; 0 where there is none. */
export function instructionAt(program: ProgramRecord, address: bigint): number {
  for (const base of [ARENA, USER_ARENA]) {
    const offset = Number(address) - base - program.codeOffset;
    if (offset < 0 || offset + 4 > program.code.length) continue;
    const view = new DataView(program.code.buffer, program.code.byteOffset + offset, 4);
    const bits = view.getUint32(0, true);
    return (bits & 3) === 3 ? bits : bits & 0xffff;
  }
  return 0;
}
