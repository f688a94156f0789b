/** Which registers an instruction reads and writes: x0..x31 as 0..31, f0..f31 from F0 on. */
import { unreachable } from "../base/assert.ts";
import { F0, floatRegisters } from "./float.ts";
import type { Operation } from "./instruction.ts";

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
