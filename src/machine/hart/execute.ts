/**
 * The interpreter: runs decoded entries up to an exact instant.
 *
 *   run(until)  at each refresh: halted? limit? waiting? an interrupt due? else execute up to the limit or the next timer
 *   execute()   the loop over entries; returns to run() after anything that may make an interrupt due
 *
 * `n` counts the instructions left, so at every point retired = target - n. A trapping instruction does not retire.
 * `ip` is the address of the present entry, `e` the entry whose operands are used: the same, but for an instruction that
 * crosses a page. pc = pcBase + ip / 8, since an entry stands for a halfword.
 */
import {
  CAUSE_BREAKPOINT, CAUSE_ECALL_FROM_S, CAUSE_ECALL_FROM_U, CAUSE_ILLEGAL_INSTRUCTION,
} from "../../isa/causes";
import { MSTATUS_TSR, MSTATUS_TVM, MSTATUS_TW, PRIV_M, PRIV_S, PRIV_U } from "../../isa/status-bits";
import { setInstant } from "../devices/clint";
import {
  CONSOLE_END, CONSOLE_RING_SIZE, HALTED, INSTRET, MIE, MSTATUS, PC, PRIV, SATP, SBI_ENABLED, STRADDLE_ENTRY, TLB_EXEC, TLB_READ, TLB_WRITE,
  WAITING, X, X0_SINK,
} from "../layout";
import { pageOfTable } from "../ram";
import { sbiCall } from "../sbi";
import { executeAmo } from "./atomic";
import { csrIllegal, floatDirty, floatOff, interruptsChanged, readCsr, writeCsr } from "./csr";
import { CSR_SATP } from "../../isa/csr";
import { decode } from "./decode";
import { executeFloat } from "./float-execute";
import { div, divu, mulh, mulhsu, mulhu, rem, remu, word } from "./integer";
import {
  clearDeviceTouched, clearFault, dataSet, deviceTouched, execSet, faultAddress, faultCause, fetchHalf, fetchTable, slowLoad,
  slowStore,
} from "./mmu";
import { Op } from "./ops";
import { flushAddress, flushAllTlbs } from "./tlb";
import { dueInterrupt, nextTimerInstant, pendingInterrupts, returnFromMachine, returnFromSupervisor, takeTrap } from "./trap";

export const STOP_LIMIT: u32 = 0;
export const STOP_WFI: u32 = 1;
export const STOP_OUTPUT: u32 = 2;
export const STOP_HALTED: u32 = 3;

/** After so many bytes of output the ring must be read before more may come. */
const OUTPUT_PRESSURE: u64 = CONSOLE_RING_SIZE / 2;
/** No single pass of `execute` is longer. */
const PASS_MAX: u64 = 1 << 30;

const INTERRUPT: u64 = 1 << 63;

/** Field accessors of a decoded entry. */
abstract class E {
  // @ts-ignore: decorator
  @inline static a(e: u32): u64 { return load<u64>(load<u16>(e, 4)); }
  // @ts-ignore: decorator
  @inline static b(e: u32): u64 { return load<u64>(load<u16>(e, 6)); }
  // @ts-ignore: decorator
  @inline static imm(e: u32): i64 { return <i64>load<i32>(e, 8); }
  // @ts-ignore: decorator
  @inline static rd(e: u32, value: u64): void { store<u64>(load<u16>(e, 2), value); }
  /** TLB entry for a virtual address. */
  // @ts-ignore: decorator
  @inline static slot(tlb: u32, va: u64): u32 { return tlb + (<u32>(va >> 8) & 0xff0); }
}

/**
 * Runs until INSTRET is `until`, or the hart waits, or much output came, or the guest ended itself.
 *
 * @returns a STOP_ constant
 */
export function run(until: u64): u32 {
  const outputStart = load<u64>(CONSOLE_END);
  while (true) {
    if (load<u64>(HALTED) != 0) return STOP_HALTED;
    const instant = load<u64>(INSTRET);
    if (instant >= until) return STOP_LIMIT;
    if (load<u64>(CONSOLE_END) - outputStart >= OUTPUT_PRESSURE) return STOP_OUTPUT;
    setInstant(instant);
    const pending = pendingInterrupts(instant);
    if (load<u64>(WAITING) != 0) {
      if ((pending & load<u64>(MIE)) == 0) return STOP_WFI;
      store<u64>(WAITING, 0);
    }
    const due = dueInterrupt(pending);
    if (due >= 0) {
      takeTrap(INTERRUPT | due, 0);
      continue;
    }
    const target = min(until, min(nextTimerInstant(instant), instant + PASS_MAX));
    execute(instant, target);
  }
}

/** Leaves `execute` with everything stored. */
function leave(pc: u64, retired: u64): void {
  store<u64>(PC, pc);
  store<u64>(INSTRET, retired);
}

function raise(pc: u64, retired: u64, cause: u64, value: u64): void {
  leave(pc, retired);
  takeTrap(cause, value);
}

function raiseFault(pc: u64, retired: u64): void {
  const cause = faultCause;
  clearFault();
  clearDeviceTouched();
  raise(pc, retired, cause, faultAddress);
}

/** The decode table for fetching at `pc`; 0 with a fault. */
function enter(pc: u64): u32 {
  const entry = TLB_EXEC + execSet + (<u32>(pc >> 8) & 0xff0);
  if (load<u64>(entry) == (pc & ~<u64>0xfff)) return load<u32>(entry, 8);
  return fetchTable(pc);
}

/** Decodes the entry at `ip` in place, or marks it as crossing into the next page. */
function decodeAt(ip: u32, table: u32): void {
  const offset = (ip - table) >> 3;
  const host = pageOfTable(table) + offset;
  const low = <u32>load<u16>(host);
  if ((low & 3) != 3) decode(ip, low, offset);
  else if (offset == 4094) store<u16>(ip, Op.Straddle);
  else decode(ip, load<u32>(host), offset);
}

/** Decodes the instruction at `pc`, whose second half is on the next page; false with a fault. */
function decodeStraddle(pc: u64): bool {
  const low = fetchHalf(pc);
  if (faultCause >= 0) return false;
  const high = fetchHalf(pc + 2);
  if (faultCause >= 0) return false;
  decode(STRADDLE_ENTRY, low | (high << 16), 0xffe);
  return true;
}

const SIGNED: u32 = 16;

/** A load that missed. @returns 0: done, 1: fault, 2: done, and a device was read */
function loadMissed(e: u32, va: u64, kind: u32, instant: u64): u32 {
  setInstant(instant);
  const size = kind & 15;
  let value = slowLoad(va, size);
  if (faultCause >= 0) return 1;
  if ((kind & SIGNED) != 0) {
    if (size == 4) value = <u64>(<i64>(<i32>value));
    else if (size == 2) value = <u64>(<i64>(<i16>value));
    else if (size == 1) value = <u64>(<i64>(<i8>value));
  }
  E.rd(e, value);
  if (!deviceTouched) return 0;
  clearDeviceTouched();
  return 2;
}

/** A store that missed, with the results of `loadMissed`. */
function storeMissed(va: u64, size: u32, value: u64, instant: u64): u32 {
  setInstant(instant);
  slowStore(va, size, value);
  if (faultCause >= 0) return 1;
  if (!deviceTouched) return 0;
  clearDeviceTouched();
  return 2;
}

/** @returns 0: done, 1: illegal, 2: done, and run() must look again */
function executeCsr(e: u32, instant: u64): u32 {
  const bits = load<u32>(e, 8);
  const number = <i32>(bits >> 20);
  const funct3 = <u32>load<u16>(e, 14);
  const field = (bits >> 15) & 31;
  const source: u64 = funct3 >= 4 ? field : load<u64>(X + (field << 3));
  const writes = (funct3 & 3) == 1 || field != 0;
  const old = readCsr(number, instant);
  if (csrIllegal) return 1;
  let again: u32 = 0;
  if (writes) {
    const kind = funct3 & 3;
    writeCsr(number, kind == 1 ? source : kind == 2 ? old | source : old & ~source, instant);
    if (csrIllegal) return 1;
    // After a write to satp the next instruction is fetched through the new table.
    if (interruptsChanged || number == CSR_SATP) again = 2;
  }
  E.rd(e, old);
  return again;
}

/** mret, sret, wfi, sfence.vma: whether the present mode may. */
function privilegedAllowed(op: u32): bool {
  const privilege = load<i32>(PRIV);
  const status = load<u64>(MSTATUS);
  if (privilege == PRIV_M) return true;
  if (op == Op.Mret || privilege == PRIV_U) return false;
  if (op == Op.Sret) return (status & MSTATUS_TSR) == 0;
  if (op == Op.Wfi) return (status & MSTATUS_TW) == 0;
  return (status & MSTATUS_TVM) == 0;
}

function floatLoad(e: u32, va: u64): void {
  const size = <u32>load<u16>(e, 14);
  const value = slowLoad(va, size);
  if (faultCause >= 0) return;
  E.rd(e, size == 4 ? value | 0xffffffff00000000 : value);
  floatDirty();
}

/** Interprets from PC until INSTRET is `target`, or until run() must look again. */
function execute(instant: u64, target: u64): void {
  let n = target - instant;
  const start = load<u64>(PC);
  let table = enter(start);
  if (table == 0) {
    raiseFault(start, instant);
    return;
  }
  let page = start & ~<u64>0xfff;
  let pcBase = page - (table >> 3);
  let ip = table + ((<u32>start & 0xfff) << 3);
  let e = ip;
  let readTlb = TLB_READ + dataSet;
  let writeTlb = TLB_WRITE + dataSet;
  while (n != 0) {
    switch (<i32>load<u16>(e)) {
      case Op.Decode:
        decodeAt(ip, table);
        continue;
      case Op.Straddle: {
        const pc = pcBase + (ip >> 3);
        if (!decodeStraddle(pc)) {
          raiseFault(pc, target - n);
          return;
        }
        e = STRADDLE_ENTRY;
        continue;
      }
      case Op.PageEnd: {
        const pc = pcBase + (ip >> 3);
        table = enter(pc);
        if (table == 0) {
          raiseFault(pc, target - n);
          return;
        }
        page = pc & ~<u64>0xfff;
        pcBase = page - (table >> 3);
        ip = table + ((<u32>pc & 0xfff) << 3);
        e = ip;
        continue;
      }
      case Op.Illegal:
        raise(pcBase + (ip >> 3), target - n, CAUSE_ILLEGAL_INSTRUCTION, <u64>load<u32>(e, 8));
        return;
      case Op.LoadImmediate:
        E.rd(e, E.imm(e));
        break;
      case Op.Auipc:
        E.rd(e, pcBase + (ip >> 3) + E.imm(e));
        break;
      case Op.Jal: {
        E.rd(e, pcBase + ((ip + load<u16>(e, 12)) >> 3));
        ip += load<i32>(e, 8);
        n--;
        e = ip;
        continue;
      }
      case Op.JalFar: {
        const pc = pcBase + (ip >> 3);
        E.rd(e, pc + (load<u16>(e, 12) >> 3));
        const to = pc + E.imm(e);
        n--;
        table = enter(to);
        if (table == 0) {
          raiseFault(to, target - n);
          return;
        }
        page = to & ~<u64>0xfff;
        pcBase = page - (table >> 3);
        ip = table + ((<u32>to & 0xfff) << 3);
        e = ip;
        continue;
      }
      case Op.Jump: {
        ip += load<i32>(e, 8);
        n--;
        e = ip;
        continue;
      }
      case Op.Jalr: {
        const to = (E.a(e) + E.imm(e)) & ~<u64>1;
        E.rd(e, pcBase + ((ip + load<u16>(e, 12)) >> 3));
        if ((to ^ page) < 4096) {
          ip = table + ((<u32>to & 0xfff) << 3);
          n--;
          e = ip;
          continue;
        }
        n--;
        table = enter(to);
        if (table == 0) {
          raiseFault(to, target - n);
          return;
        }
        page = to & ~<u64>0xfff;
        pcBase = page - (table >> 3);
        ip = table + ((<u32>to & 0xfff) << 3);
        e = ip;
        continue;
      }
      case Op.Beq:
        if (E.a(e) == E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.Bne:
        if (E.a(e) != E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.Blt:
        if (<i64>E.a(e) < <i64>E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.Bge:
        if (<i64>E.a(e) >= <i64>E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.Bltu:
        if (E.a(e) < E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.Bgeu:
        if (E.a(e) >= E.b(e)) {
          ip += load<i32>(e, 8);
          n--;
          e = ip;
          continue;
        }
        break;
      case Op.BeqFar:
        if (E.a(e) == E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.BneFar:
        if (E.a(e) != E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.BltFar:
        if (<i64>E.a(e) < <i64>E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.BgeFar:
        if (<i64>E.a(e) >= <i64>E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.BltuFar:
        if (E.a(e) < E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.BgeuFar:
        if (E.a(e) >= E.b(e)) {
          const to = pcBase + (ip >> 3) + E.imm(e);
          n--;
          table = enter(to);
          if (table == 0) {
            raiseFault(to, target - n);
            return;
          }
          page = to & ~<u64>0xfff;
          pcBase = page - (table >> 3);
          ip = table + ((<u32>to & 0xfff) << 3);
          e = ip;
          continue;
        }
        break;
      case Op.Lb: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & ~<u64>0xfff)) {
          E.rd(e, <u64>(<i64>load<i8>(load<u32>(slot, 8) + <u32>va)));
          break;
        }
        const outcome = loadMissed(e, va, 1 | SIGNED, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Lh: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 1))) {
          E.rd(e, <u64>(<i64>load<i16>(load<u32>(slot, 8) + <u32>va)));
          break;
        }
        const outcome = loadMissed(e, va, 2 | SIGNED, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Lw: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 3))) {
          E.rd(e, <u64>(<i64>load<i32>(load<u32>(slot, 8) + <u32>va)));
          break;
        }
        const outcome = loadMissed(e, va, 4 | SIGNED, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Ld: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 7))) {
          E.rd(e, load<u64>(load<u32>(slot, 8) + <u32>va));
          break;
        }
        const outcome = loadMissed(e, va, 8, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Lbu: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & ~<u64>0xfff)) {
          E.rd(e, <u64>load<u8>(load<u32>(slot, 8) + <u32>va));
          break;
        }
        const outcome = loadMissed(e, va, 1, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Lhu: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 1))) {
          E.rd(e, <u64>load<u16>(load<u32>(slot, 8) + <u32>va));
          break;
        }
        const outcome = loadMissed(e, va, 2, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Lwu: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(readTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 3))) {
          E.rd(e, <u64>load<u32>(load<u32>(slot, 8) + <u32>va));
          break;
        }
        const outcome = loadMissed(e, va, 4, target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Sb: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(writeTlb, va);
        if (load<u64>(slot) == (va & ~<u64>0xfff)) {
          store<u8>(load<u32>(slot, 8) + <u32>va, <u8>E.b(e));
          break;
        }
        const outcome = storeMissed(va, 1, E.b(e), target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Sh: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(writeTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 1))) {
          store<u16>(load<u32>(slot, 8) + <u32>va, <u16>E.b(e));
          break;
        }
        const outcome = storeMissed(va, 2, E.b(e), target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Sw: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(writeTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 3))) {
          store<u32>(load<u32>(slot, 8) + <u32>va, <u32>E.b(e));
          break;
        }
        const outcome = storeMissed(va, 4, E.b(e), target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Sd: {
        const va = E.a(e) + E.imm(e);
        const slot = E.slot(writeTlb, va);
        if (load<u64>(slot) == (va & (~<u64>0xfff | 7))) {
          store<u64>(load<u32>(slot, 8) + <u32>va, E.b(e));
          break;
        }
        const outcome = storeMissed(va, 8, E.b(e), target - n);
        if (outcome == 1) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        if (outcome == 2) {
          leave(pcBase + ((ip + load<u16>(e, 12)) >> 3), target - n + 1);
          return;
        }
        break;
      }
      case Op.Addi:
        E.rd(e, E.a(e) + <u64>E.imm(e));
        break;
      case Op.Slti:
        E.rd(e, <i64>E.a(e) < E.imm(e) ? 1 : 0);
        break;
      case Op.Sltiu:
        E.rd(e, E.a(e) < <u64>E.imm(e) ? 1 : 0);
        break;
      case Op.Xori:
        E.rd(e, E.a(e) ^ <u64>E.imm(e));
        break;
      case Op.Ori:
        E.rd(e, E.a(e) | <u64>E.imm(e));
        break;
      case Op.Andi:
        E.rd(e, E.a(e) & <u64>E.imm(e));
        break;
      case Op.Slli:
        E.rd(e, E.a(e) << <u64>E.imm(e));
        break;
      case Op.Srli:
        E.rd(e, E.a(e) >> <u64>E.imm(e));
        break;
      case Op.Srai:
        E.rd(e, <u64>(<i64>E.a(e) >> E.imm(e)));
        break;
      case Op.Add:
        E.rd(e, E.a(e) + E.b(e));
        break;
      case Op.Sub:
        E.rd(e, E.a(e) - E.b(e));
        break;
      case Op.Sll:
        E.rd(e, E.a(e) << (E.b(e) & 63));
        break;
      case Op.Slt:
        E.rd(e, <i64>E.a(e) < <i64>E.b(e) ? 1 : 0);
        break;
      case Op.Sltu:
        E.rd(e, E.a(e) < E.b(e) ? 1 : 0);
        break;
      case Op.Xor:
        E.rd(e, E.a(e) ^ E.b(e));
        break;
      case Op.Srl:
        E.rd(e, E.a(e) >> (E.b(e) & 63));
        break;
      case Op.Sra:
        E.rd(e, <u64>(<i64>E.a(e) >> (E.b(e) & 63)));
        break;
      case Op.Or:
        E.rd(e, E.a(e) | E.b(e));
        break;
      case Op.And:
        E.rd(e, E.a(e) & E.b(e));
        break;
      case Op.Addiw:
        E.rd(e, word(E.a(e) + <u64>E.imm(e)));
        break;
      case Op.Slliw:
        E.rd(e, <u64>(<i64>(<i32>E.a(e) << load<i32>(e, 8))));
        break;
      case Op.Srliw:
        E.rd(e, <u64>(<i64>(<i32>(<u32>E.a(e) >> load<u32>(e, 8)))));
        break;
      case Op.Sraiw:
        E.rd(e, <u64>(<i64>(<i32>E.a(e) >> load<i32>(e, 8))));
        break;
      case Op.Addw:
        E.rd(e, word(E.a(e) + E.b(e)));
        break;
      case Op.Subw:
        E.rd(e, word(E.a(e) - E.b(e)));
        break;
      case Op.Sllw:
        E.rd(e, <u64>(<i64>(<i32>E.a(e) << (<i32>E.b(e) & 31))));
        break;
      case Op.Srlw:
        E.rd(e, <u64>(<i64>(<i32>(<u32>E.a(e) >> (<u32>E.b(e) & 31)))));
        break;
      case Op.Sraw:
        E.rd(e, <u64>(<i64>(<i32>E.a(e) >> (<i32>E.b(e) & 31))));
        break;
      case Op.Mul:
        E.rd(e, E.a(e) * E.b(e));
        break;
      case Op.Mulh:
        E.rd(e, mulh(E.a(e), E.b(e)));
        break;
      case Op.Mulhsu:
        E.rd(e, mulhsu(E.a(e), E.b(e)));
        break;
      case Op.Mulhu:
        E.rd(e, mulhu(E.a(e), E.b(e)));
        break;
      case Op.Div:
        E.rd(e, <u64>div(E.a(e), E.b(e)));
        break;
      case Op.Divu:
        E.rd(e, divu(E.a(e), E.b(e)));
        break;
      case Op.Rem:
        E.rd(e, <u64>rem(E.a(e), E.b(e)));
        break;
      case Op.Remu:
        E.rd(e, remu(E.a(e), E.b(e)));
        break;
      case Op.Mulw:
        E.rd(e, word(E.a(e) * E.b(e)));
        break;
      case Op.Divw:
        E.rd(e, word(div(word(E.a(e)), word(E.b(e)))));
        break;
      case Op.Divuw:
        E.rd(e, word(divu(<u32>E.a(e), <u32>E.b(e))));
        break;
      case Op.Remw:
        E.rd(e, word(rem(word(E.a(e)), word(E.b(e)))));
        break;
      case Op.Remuw:
        E.rd(e, word(remu(<u32>E.a(e), <u32>E.b(e))));
        break;
      case Op.Fence:
      case Op.FenceI: // code is undecoded by the write itself
        break;
      case Op.Ecall: {
        const pc = pcBase + (ip >> 3);
        const privilege = load<i32>(PRIV);
        if (privilege == PRIV_S && load<u64>(SBI_ENABLED) != 0) {
          setInstant(target - n);
          sbiCall();
          leave(pc + 4, target - n + 1);
          return;
        }
        raise(pc, target - n, privilege == PRIV_U ? CAUSE_ECALL_FROM_U : privilege == PRIV_S ? CAUSE_ECALL_FROM_S : 11, 0);
        return;
      }
      case Op.Ebreak: {
        const pc = pcBase + (ip >> 3);
        raise(pc, target - n, CAUSE_BREAKPOINT, pc);
        return;
      }
      case Op.Mret:
      case Op.Sret:
      case Op.Wfi:
      case Op.SfenceVma: {
        const pc = pcBase + (ip >> 3);
        const op = <u32>load<u16>(e);
        if (!privilegedAllowed(op)) {
          raise(pc, target - n, CAUSE_ILLEGAL_INSTRUCTION, <u64>load<u32>(e, 8));
          return;
        }
        leave(pc + 4, target - n + 1);
        if (op == Op.Mret) returnFromMachine();
        else if (op == Op.Sret) returnFromSupervisor();
        else if (op == Op.Wfi) store<u64>(WAITING, 1);
        else if (load<u16>(e, 4) == X) flushAllTlbs();
        else flushAddress(E.a(e));
        return;
      }
      case Op.Csr: {
        const outcome = executeCsr(e, target - n);
        if (outcome == 0) {
          readTlb = TLB_READ + dataSet;
          writeTlb = TLB_WRITE + dataSet;
          break;
        }
        if (outcome == 1) raise(pcBase + (ip >> 3), target - n, CAUSE_ILLEGAL_INSTRUCTION, <u64>load<u32>(e, 8));
        else leave(pcBase + (ip >> 3) + 4, target - n + 1);
        return;
      }
      case Op.Amo:
        executeAmo(e);
        if (faultCause >= 0) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        break;
      case Op.FloatLoad: {
        if (floatOff()) {
          raise(pcBase + (ip >> 3), target - n, CAUSE_ILLEGAL_INSTRUCTION, 0);
          return;
        }
        floatLoad(e, E.a(e) + E.imm(e));
        if (faultCause >= 0) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        break;
      }
      case Op.FloatStore: {
        if (floatOff()) {
          raise(pcBase + (ip >> 3), target - n, CAUSE_ILLEGAL_INSTRUCTION, 0);
          return;
        }
        slowStore(E.a(e) + E.imm(e), load<u16>(e, 14), E.b(e));
        if (faultCause >= 0) {
          raiseFault(pcBase + (ip >> 3), target - n);
          return;
        }
        break;
      }
      case Op.Float:
        if (!executeFloat(load<u32>(e, 8))) {
          raise(pcBase + (ip >> 3), target - n, CAUSE_ILLEGAL_INSTRUCTION, <u64>load<u32>(e, 8));
          return;
        }
        break;
    }
    ip += load<u16>(e, 12);
    e = ip;
    n--;
  }
  leave(pcBase + (ip >> 3), target);
}
