/** Registers, x0..x31 as 0..31 and f0..f31 from F0 on: which an instruction reads and writes, and what they are called. */
import { unreachable } from "../base/assert.ts";
import { F0, floatRegisters } from "./float.ts";
import type { Operation } from "./instruction.ts";

/** By the calling convention. RISC-V ABIs Specification, "Integer Register Convention" and "Floating-point Register Convention". */
const INTEGER_NAMES = "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const FLOAT_NAMES =
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(
    " ",
  );

export function registerName(register: number): string {
  return (register < F0 ? INTEGER_NAMES[register] : FLOAT_NAMES[register - F0]) ?? "";
}

export function registersOf(operation: Operation): { readonly reads: readonly number[]; readonly writes: readonly number[] } {
  switch (operation.kind) {
    case "nothing":
    case "interpret":
      return { reads: [], writes: [] };
    case "constant":
    case "auipc":
    case "jump":
      return { reads: [], writes: [operation.rd] };
    case "aluRegister":
    case "atomic":
      return { reads: [operation.rs1, operation.rs2], writes: [operation.rd] };
    case "aluImmediate":
    case "unary":
    case "load":
    case "jumpRegister":
      return { reads: [operation.rs1], writes: [operation.rd] };
    case "store":
    case "branch":
      return { reads: [operation.rs1, operation.rs2], writes: [] };
    case "floatLoad":
      return { reads: [operation.rs1], writes: [F0 + operation.fd] };
    case "floatStore":
      return { reads: [operation.rs1, F0 + operation.fs2], writes: [] };
    case "float":
      return floatRegisters(operation.bits);
    case "csr": {
      const byRegister = ((operation.bits >>> 12) & 7) < 4;
      return { reads: byRegister ? [(operation.bits >>> 15) & 31] : [], writes: [(operation.bits >>> 7) & 31] };
    }
    default:
      return unreachable(operation);
  }
}
