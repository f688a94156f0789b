/**
 * The interpreter: runs decoded entries up to an exact instant.
 *
 *   run(until)   at each refresh: halted? limit? waiting? an interrupt due? else execute up to the limit or the next timer
 *   execute()    hot() and slowStep() in turn; returns to run() after anything that may make an interrupt due
 *   hot()        the loop over entries; makes no call, so that everything it needs stays in registers. An entry that needs
 *                more (a TLB miss, a CSR, a trap, code not decoded yet) it leaves untouched
 *   slowStep()   executes that one entry; at an Enter entry it runs translated code instead (regions.ts), which may go far
 *
 * `n` counts the instructions left, so at every point retired = target - n. A trapping instruction does not retire.
 * `ip` is the address of the present entry; entries of 8 bytes stand for halfwords, so pc = page + (ip - table) / 4. An
 * instruction that runs alone (LONE_ENTRY) is a page of its own.
 */
import {
  CAUSE_BREAKPOINT, CAUSE_ECALL_FROM_M, CAUSE_ECALL_FROM_S, CAUSE_ECALL_FROM_U, CAUSE_ILLEGAL_INSTRUCTION,
} from "../../isa/causes";
import { MSTATUS_TSR, MSTATUS_TVM, MSTATUS_TW, PRIV_M, PRIV_S, PRIV_U } from "../../isa/status-bits";
import { setInstant } from "../devices/clint";
import { meetDeadlines } from "../devices/deadlines";
import { transmit } from "../devices/virtio-console";
import {
  CONSOLE_END, CONSOLE_RING_SIZE, HALTED, INSTRET, LONE_ENTRY, MIE, MSTATUS, PC, PRIV, REGION_EXITS, REGION_RETIRED, SBI_ENABLED, SLOTS, TLB_EXEC, TLB_READ, TLB_SLOTS, TLB_WRITE, WAITING, X,
} from "../layout";
import { inRegion, pageOfTable } from "../ram";
import { sbiCall } from "../sbi";
import { executeAmo } from "./atomic";
import { executeCacheBlock } from "./cache-block";
import { csrIllegal, fetchChanged, floatDirty, floatOff, interruptsChanged, modifiedValue, readCsr, writeCsr } from "./csr";
import { decode, decodeAlone } from "./decode";
import { executeFloat } from "./float-execute";
import { div, divu, mulh, mulhsu, mulhu, rem, remu, word } from "./integer";
import {
  clearDeviceTouched, clearFault, dataSet, deviceTouched, execSet, faultAddress, faultCause, fetchHalf, fetchTable, slowLoad,
  slowStore,
} from "./mmu";
import { Op } from "./ops";
import { beginRegion, EXIT_INTERPRET, EXIT_LOOK_AGAIN, leftBehindRegion, noteLanding, noteSample, REGION_LEFT_MAX, regionShare } from "./regions";
import { beginStopLooks, leftAtStopLook, stopAsked } from "./stop-request";
import { clearTranslationsDropped, translationsDropped } from "./tlb";
import { dueInterrupt, nextTimerInstant, pendingInterrupts, returnFromMachine, returnFromSupervisor, takeTrap } from "./trap";

export const STOP_LIMIT: u32 = 0;
export const STOP_WFI: u32 = 1;
export const STOP_OUTPUT: u32 = 2;
export const STOP_HALTED: u32 = 3;
export const STOP_ASKED: u32 = 4;

/** After so many bytes of output the ring must be read before more may come. */
const OUTPUT_PRESSURE: u64 = CONSOLE_RING_SIZE / 2;
/** No single pass of `execute` is longer: no timer is further than `nextChange` looks, even at the fastest rate. */
const PASS_MAX: u64 = 1 << 30;

const INTERRUPT: u64 = 1 << 63;

/** Field accessors of a decoded entry. */
abstract class E {
  // @ts-ignore: decorator
  @inline static a(e: u32): u64 { return load<u64>(<u32>load<u8>(e, 2) << 3, SLOTS); }
  // @ts-ignore: decorator
  @inline static b(e: u32): u64 { return load<u64>(<u32>load<u8>(e, 3) << 3, SLOTS); }
  // @ts-ignore: decorator
  @inline static imm(e: u32): i64 { return <i64>load<i32>(e, 4); }
  // @ts-ignore: decorator
  @inline static rd(e: u32, value: u64): void { store<u64>(<u32>load<u8>(e, 1) << 3, value, SLOTS); }
  /** TLB entry of a virtual address in a mode's set, relative to TLB_READ, TLB_WRITE or TLB_EXEC. */
  // @ts-ignore: decorator
  @inline static slot(set: u32, va: u64): u32 { return set + (<u32>(va >> 8) & TLB_SLOTS); }
  /** Each byte that is not 0 becomes 0xff. */
  // @ts-ignore: decorator
  @inline static orCombine(x: u64): u64 {
    return (((((x & 0x7f7f7f7f7f7f7f7f) + 0x7f7f7f7f7f7f7f7f) | x) >> 7) & 0x0101010101010101) * 0xff;
  }
  // @ts-ignore: decorator
  @inline static reverse(x: u64): u64 {
    const pairs = ((x >> 8) & 0x00ff00ff00ff00ff) | ((x & 0x00ff00ff00ff00ff) << 8);
    return rotl(((pairs >> 16) & 0x0000ffff0000ffff) | ((pairs & 0x0000ffff0000ffff) << 16), 32);
  }
}

/**
 * Runs until INSTRET is `until`, or the hart waits, or much output came, or the guest ended itself, or another thread asks for it.
 *
 * @param stoppable another thread may ask
 * @returns a STOP_ constant
 */
export function run(until: u64, stoppable: bool): u32 {
  const outputStart = load<u64>(CONSOLE_END);
  // Where the last run stopped says nothing of where the guest comes often.
  let landing = false;
  beginStopLooks(load<u64>(INSTRET), stoppable);
  while (true) {
    if (load<u64>(HALTED) != 0) return STOP_HALTED;
    const instant = load<u64>(INSTRET);
    setInstant(instant);
    // Both belong to this instant: whoever stops at it sees them done.
    if (!transmit(outputStart + OUTPUT_PRESSURE)) return STOP_OUTPUT;
    meetDeadlines(instant);
    if (instant >= until) return STOP_LIMIT;
    if (load<u64>(CONSOLE_END) - outputStart >= OUTPUT_PRESSURE) return STOP_OUTPUT;
    if (stopAsked(instant)) return STOP_ASKED;
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
    if (tracing) noteInstruction();
    execute(instant, target, landing);
    landing = true;
  }
}

/** For tracers, no state: where the last pass began, and the instruction there. */
export let tracedPc: u64 = 0;
export let tracedBits: u32 = 0;
let tracing: bool = false;

export function traceInstructions(on: bool): void {
  tracing = on;
}

/** Fetches as `execute` is about to, so it changes nothing that would not be changed; a fault is left to that. */
function noteInstruction(): void {
  tracedPc = load<u64>(PC);
  tracedBits = fetchHalf(tracedPc);
  if (faultCause < 0 && (tracedBits & 3) == 3) tracedBits |= fetchHalf(tracedPc + 2) << 16;
  clearFault();
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
  clearTranslationsDropped();
  raise(pc, retired, cause, faultAddress);
}

/** The decode table for fetching at `pc`; 0 with a fault, or where its page is not one to PMP. */
function enter(pc: u64): u32 {
  const entry = TLB_EXEC + execSet + (<u32>(pc >> 8) & TLB_SLOTS);
  if (load<u64>(entry) == (pc & ~<u64>0xfff)) return load<u32>(entry, 8);
  return fetchTable(pc);
}

/** Decodes the entry at `ip` in place, or marks it as crossing into the next page. */
function decodeAt(ip: u32, table: u32): void {
  const offset = (ip - table) >> 2;
  const host = pageOfTable(table) + offset;
  const low = <u32>load<u16>(host);
  if ((low & 3) != 3) decode(ip, low, offset);
  else if (offset == 4094) store<u8>(ip, Op.Straddle);
  else decode(ip, load<u32>(host), offset);
}

/** Decodes the instruction at `pc` into LONE_ENTRY; false with a fault, of the half that has it. */
function decodeLone(pc: u64): bool {
  let bits = fetchHalf(pc);
  if (faultCause >= 0) return false;
  if ((bits & 3) == 3) {
    bits |= fetchHalf(pc + 2) << 16;
    if (faultCause >= 0) return false;
  }
  decodeAlone(LONE_ENTRY, bits);
  return true;
}

/** The bits of the instruction being executed, which were fetched without a fault. */
function instructionBits(pc: u64, length: u32): u64 {
  return length == 2 ? fetchHalf(pc) : fetchHalf(pc) | (fetchHalf(pc + 2) << 16);
}

/** Outcomes of an access to memory. */
const DONE: u32 = 0;
const FAULT: u32 = 1;
/** Done, and run() must look again: a device took part, so interrupts may have changed, or translations were dropped. */
const LOOK_AGAIN: u32 = 2;
const FLOAT_OFF: u32 = 3;

const SIGNED: u32 = 16;

function accessOutcome(): u32 {
  if (faultCause >= 0) return FAULT;
  if (!deviceTouched && !translationsDropped) return DONE;
  clearDeviceTouched();
  clearTranslationsDropped();
  return LOOK_AGAIN;
}

/** A load that missed the TLB; `kind` is its size, and SIGNED. */
function loadMissed(e: u32, kind: u32, instant: u64): u32 {
  setInstant(instant);
  const size = kind & 15;
  let value = slowLoad(E.a(e) + E.imm(e), size);
  if (faultCause >= 0) return FAULT;
  if ((kind & SIGNED) != 0) {
    if (size == 4) value = <u64>(<i64>(<i32>value));
    else if (size == 2) value = <u64>(<i64>(<i16>value));
    else value = <u64>(<i64>(<i8>value));
  }
  E.rd(e, value);
  return accessOutcome();
}

function storeMissed(e: u32, size: u32, instant: u64): u32 {
  setInstant(instant);
  slowStore(E.a(e) + E.imm(e), size, E.b(e));
  return accessOutcome();
}

/** @returns 0: done, 1: illegal, 2: done, and run() must look again */
function executeCsr(e: u32, instant: u64): u32 {
  const bits = load<u32>(e, 4);
  const number = <i32>(bits >> 20);
  const funct3 = (bits >> 12) & 7;
  const field = (bits >> 15) & 31;
  const source: u64 = funct3 >= 4 ? field : load<u64>(X + (field << 3));
  const writes = (funct3 & 3) == 1 || field != 0;
  const old = readCsr(number, instant);
  if (csrIllegal) return 1;
  let again: u32 = 0;
  if (writes) {
    const kind = funct3 & 3;
    const before = modifiedValue(number, old);
    writeCsr(number, kind == 1 ? source : kind == 2 ? before | source : before & ~source, instant);
    if (csrIllegal) return 1;
    if (interruptsChanged || fetchChanged) again = 2;
  }
  E.rd(e, old);
  return again;
}

/** mret, sret, wfi, sfence.vma: whether the present mode may. */
function privilegedAllowed(op: i32): bool {
  const privilege = load<i32>(PRIV);
  const status = load<u64>(MSTATUS);
  if (privilege == PRIV_M) return true;
  if (op == Op.Mret || privilege == PRIV_U) return false;
  if (op == Op.Sret) return (status & MSTATUS_TSR) == 0;
  if (op == Op.Wfi) return (status & MSTATUS_TW) == 0;
  return (status & MSTATUS_TVM) == 0;
}

/** flw and fld. */
function floatLoad(e: u32, size: u32, instant: u64): u32 {
  if (floatOff()) return FLOAT_OFF;
  const va = E.a(e) + E.imm(e);
  const slot = E.slot(dataSet, va);
  let value: u64;
  if (load<u64>(slot, TLB_READ) == (va & (~<u64>0xfff | <u64>(size - 1)))) {
    const host = load<u32>(slot, TLB_READ + 8) + <u32>va;
    value = size == 4 ? <u64>load<u32>(host) : load<u64>(host);
  } else {
    setInstant(instant);
    value = slowLoad(va, size);
    if (faultCause >= 0) return FAULT;
  }
  E.rd(e, size == 4 ? value | 0xffffffff00000000 : value);
  floatDirty();
  return accessOutcome();
}

/** fsw and fsd. */
function floatStore(e: u32, size: u32, instant: u64): u32 {
  if (floatOff()) return FLOAT_OFF;
  const va = E.a(e) + E.imm(e);
  const value = E.b(e);
  const slot = E.slot(dataSet, va);
  if (load<u64>(slot, TLB_WRITE) == (va & (~<u64>0xfff | <u64>(size - 1)))) {
    const host = load<u32>(slot, TLB_WRITE + 8) + <u32>va;
    if (size == 4) store<u32>(host, <u32>value);
    else store<u64>(host, value);
    return DONE;
  }
  setInstant(instant);
  slowStore(va, size, value);
  return accessOutcome();
}

/** Where hot() is; stored whenever it returns. */
let ip: u32 = 0;
let n: u64 = 0;
/** Of these, what hot() may execute. */
let quota: u64 = 0;
/** What is left of `n` when it is time to look whether the run is to stop (stop-request.ts). */
let stopLookLeft: u64 = 0;
let page: u64 = 0;
let table: u32 = 0;

/**
 * Interprets from PC until INSTRET is `target`, or until run() must look again.
 *
 * @param landing whether the guest itself led here
 */
function execute(instant: u64, target: u64, landing: bool): void {
  n = target - instant;
  stopLookLeft = leftAtStopLook(target);
  if (!goTo(load<u64>(PC), target)) return;
  if (landing) landed();
  while (true) {
    if (n <= stopLookLeft) {
      const now = target - n;
      if (n == 0 || stopAsked(now)) {
        leave(pcNow(), now);
        return;
      }
      stopLookLeft = leftAtStopLook(target);
    }
    const chunk = min(n - stopLookLeft, untilSample);
    quota = chunk;
    hot();
    n -= chunk - quota;
    untilSample -= chunk - quota;
    if (quota != 0) {
      if (untilSample > 1) untilSample--;
      if (!slowStep(target)) return;
    } else if (untilSample == 0) sample();
  }
}

/** Instructions that are interpreted between two samples of where the hart is. */
let sampleInterval: u64 = u64.MAX_VALUE;
/** How many of them are left. */
let untilSample: u64 = u64.MAX_VALUE;
/** The entry from which a jump is awaited, so that what is sampled is where one leads; 0: none. */
let sampleFrom: u32 = 0;

/** Samples say to the host which code runs often and is not translated. Never by itself. */
export function sampleEvery(instructions: u64): void {
  sampleInterval = instructions;
  untilSample = instructions;
  sampleFrom = 0;
}

function sample(): void {
  const from = sampleFrom;
  const apart = ip - from;
  if (from == 0 || apart == 8 || apart == 16 || ip - LONE_ENTRY <= 16) {
    sampleFrom = ip;
    untilSample = 1;
    return;
  }
  // What a region was made from is interpreted at the ends of slices: an entry there would break the loop that it is part of. Where
  // the guest itself leads to such a place without an entry, that is a landing.
  if (!inRegion(table, (ip - table) >> 3)) noteSample(pageOfTable(table) + ((ip - table) >> 2));
  untilSample = sampleInterval;
  sampleFrom = 0;
}

/** The interpreter takes over at `ip`, unless a region does. */
function landed(): void {
  const op = load<u8>(ip);
  if (op != Op.Enter && op != Op.Straddle && table != LONE_ENTRY) noteLanding(pageOfTable(table) + ((ip - table) >> 2));
}

function pcNow(): u64 {
  return page + ((ip - table) >> 2);
}

/** Continues at `pc`; false with the fault raised. */
function goTo(pc: u64, target: u64): bool {
  table = enter(pc);
  if (table == 0) return goToLone(pc, target);
  page = pc & ~<u64>0xfff;
  ip = table + ((<u32>pc & 0xfff) << 2);
  return true;
}

/** Continues at `pc` with that instruction alone. */
function goToLone(pc: u64, target: u64): bool {
  if (faultCause >= 0 || !decodeLone(pc)) {
    raiseFault(pc, target - n);
    return false;
  }
  page = pc;
  table = LONE_ENTRY;
  ip = LONE_ENTRY;
  return true;
}

/**
 * Executes entries until `quota` is 0 or one needs slowStep(). In the switch, `continue` follows an entry that was executed and
 * `break` leads to one that was not.
 */
function hot(): void {
  let at = ip;
  let left = quota;
  let base = page;
  let start = table;
  const set = dataSet;
  const fetch = execSet;
  while (left != 0) {
    switch (<i32>load<u8>(at)) {
      case Op.LoadImmediate:
        E.rd(at, E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.CLoadImmediate:
        E.rd(at, E.imm(at));
        at += 8;
        left--;
        continue;
      case Op.Auipc:
        E.rd(at, base + ((at - start) >> 2) + E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.Jal:
        E.rd(at, base + ((at - start) >> 2) + 4);
        at += load<i32>(at, 4);
        left--;
        continue;
      case Op.JalFar: {
        const pc = base + ((at - start) >> 2);
        const to = pc + E.imm(at);
        const x = E.slot(fetch, to);
        if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
        E.rd(at, pc + 4);
        start = load<u32>(x, TLB_EXEC + 8);
        base = to & ~<u64>0xfff;
        at = start + ((<u32>to & 0xfff) << 2);
        left--;
        continue;
      }
      case Op.Jump:
        at += load<i32>(at, 4);
        left--;
        continue;
      case Op.JumpFar: {
        const to = base + ((at - start) >> 2) + E.imm(at);
        const x = E.slot(fetch, to);
        if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
        start = load<u32>(x, TLB_EXEC + 8);
        base = to & ~<u64>0xfff;
        at = start + ((<u32>to & 0xfff) << 2);
        left--;
        continue;
      }
      case Op.Jalr: {
        const to = (E.a(at) + E.imm(at)) & ~<u64>1;
        if ((to ^ base) < 4096) {
          E.rd(at, base + ((at - start) >> 2) + 4);
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        const x = E.slot(fetch, to);
        if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
        E.rd(at, base + ((at - start) >> 2) + 4);
        start = load<u32>(x, TLB_EXEC + 8);
        base = to & ~<u64>0xfff;
        at = start + ((<u32>to & 0xfff) << 2);
        left--;
        continue;
      }
      case Op.CJalr: {
        const to = (E.a(at) + E.imm(at)) & ~<u64>1;
        if ((to ^ base) < 4096) {
          E.rd(at, base + ((at - start) >> 2) + 2);
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        const x = E.slot(fetch, to);
        if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
        E.rd(at, base + ((at - start) >> 2) + 2);
        start = load<u32>(x, TLB_EXEC + 8);
        base = to & ~<u64>0xfff;
        at = start + ((<u32>to & 0xfff) << 2);
        left--;
        continue;
      }
      case Op.PageEnd: {
        const to = base + ((at - start) >> 2);
        const x = E.slot(fetch, to);
        if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
        start = load<u32>(x, TLB_EXEC + 8);
        base = to & ~<u64>0xfff;
        at = start + ((<u32>to & 0xfff) << 2);
        continue;
      }
      case Op.Beq:
        if (E.a(at) == E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.CBeq:
        if (E.a(at) == 0) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 8;
        left--;
        continue;
      case Op.Bne:
        if (E.a(at) != E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.CBne:
        if (E.a(at) != 0) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 8;
        left--;
        continue;
      case Op.Blt:
        if (<i64>E.a(at) < <i64>E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.Bge:
        if (<i64>E.a(at) >= <i64>E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.Bltu:
        if (E.a(at) < E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.Bgeu:
        if (E.a(at) >= E.b(at)) {
          at += load<i32>(at, 4);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      case Op.BeqFar: {
        if (E.a(at) == E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.CBeqFar: {
        if (E.a(at) == 0) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 8;
        left--;
        continue;
      }
      case Op.BneFar: {
        if (E.a(at) != E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.CBneFar: {
        if (E.a(at) != 0) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 8;
        left--;
        continue;
      }
      case Op.BltFar: {
        if (<i64>E.a(at) < <i64>E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.BgeFar: {
        if (<i64>E.a(at) >= <i64>E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.BltuFar: {
        if (E.a(at) < E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.BgeuFar: {
        if (E.a(at) >= E.b(at)) {
          const to = base + ((at - start) >> 2) + E.imm(at);
          const x = E.slot(fetch, to);
          if (load<u64>(x, TLB_EXEC) != (to & ~<u64>0xfff)) break;
          start = load<u32>(x, TLB_EXEC + 8);
          base = to & ~<u64>0xfff;
          at = start + ((<u32>to & 0xfff) << 2);
          left--;
          continue;
        }
        at += 16;
        left--;
        continue;
      }
      case Op.Lb: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & ~<u64>0xfff)) break;
        E.rd(at, <u64>(<i64>load<i8>(load<u32>(slot, TLB_READ + 8) + <u32>va)));
        at += 16;
        left--;
        continue;
      }
      case Op.Lh: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 1))) break;
        E.rd(at, <u64>(<i64>load<i16>(load<u32>(slot, TLB_READ + 8) + <u32>va)));
        at += 16;
        left--;
        continue;
      }
      case Op.Lw: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 3))) break;
        E.rd(at, <u64>(<i64>load<i32>(load<u32>(slot, TLB_READ + 8) + <u32>va)));
        at += 16;
        left--;
        continue;
      }
      case Op.CLw: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 3))) break;
        E.rd(at, <u64>(<i64>load<i32>(load<u32>(slot, TLB_READ + 8) + <u32>va)));
        at += 8;
        left--;
        continue;
      }
      case Op.Ld: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 7))) break;
        E.rd(at, load<u64>(load<u32>(slot, TLB_READ + 8) + <u32>va));
        at += 16;
        left--;
        continue;
      }
      case Op.CLd: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 7))) break;
        E.rd(at, load<u64>(load<u32>(slot, TLB_READ + 8) + <u32>va));
        at += 8;
        left--;
        continue;
      }
      case Op.Lbu: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & ~<u64>0xfff)) break;
        E.rd(at, <u64>load<u8>(load<u32>(slot, TLB_READ + 8) + <u32>va));
        at += 16;
        left--;
        continue;
      }
      case Op.Lhu: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 1))) break;
        E.rd(at, <u64>load<u16>(load<u32>(slot, TLB_READ + 8) + <u32>va));
        at += 16;
        left--;
        continue;
      }
      case Op.Lwu: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_READ) != (va & (~<u64>0xfff | 3))) break;
        E.rd(at, <u64>load<u32>(load<u32>(slot, TLB_READ + 8) + <u32>va));
        at += 16;
        left--;
        continue;
      }
      case Op.Sb: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & ~<u64>0xfff)) break;
        store<u8>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, <u8>E.b(at));
        at += 16;
        left--;
        continue;
      }
      case Op.Sh: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & (~<u64>0xfff | 1))) break;
        store<u16>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, <u16>E.b(at));
        at += 16;
        left--;
        continue;
      }
      case Op.Sw: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & (~<u64>0xfff | 3))) break;
        store<u32>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, <u32>E.b(at));
        at += 16;
        left--;
        continue;
      }
      case Op.CSw: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & (~<u64>0xfff | 3))) break;
        store<u32>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, <u32>E.b(at));
        at += 8;
        left--;
        continue;
      }
      case Op.Sd: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & (~<u64>0xfff | 7))) break;
        store<u64>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, E.b(at));
        at += 16;
        left--;
        continue;
      }
      case Op.CSd: {
        const va = E.a(at) + E.imm(at);
        const slot = E.slot(set, va);
        if (load<u64>(slot, TLB_WRITE) != (va & (~<u64>0xfff | 7))) break;
        store<u64>(load<u32>(slot, TLB_WRITE + 8) + <u32>va, E.b(at));
        at += 8;
        left--;
        continue;
      }
      case Op.Addi:
        E.rd(at, E.a(at) + <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.CAddi:
        E.rd(at, E.a(at) + <u64>E.imm(at));
        at += 8;
        left--;
        continue;
      case Op.Slti:
        E.rd(at, <i64>E.a(at) < E.imm(at) ? 1 : 0);
        at += 16;
        left--;
        continue;
      case Op.Sltiu:
        E.rd(at, E.a(at) < <u64>E.imm(at) ? 1 : 0);
        at += 16;
        left--;
        continue;
      case Op.Xori:
        E.rd(at, E.a(at) ^ <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.Ori:
        E.rd(at, E.a(at) | <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.Andi:
        E.rd(at, E.a(at) & <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.CAndi:
        E.rd(at, E.a(at) & <u64>E.imm(at));
        at += 8;
        left--;
        continue;
      case Op.Slli:
        E.rd(at, E.a(at) << <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.CSlli:
        E.rd(at, E.a(at) << <u64>E.imm(at));
        at += 8;
        left--;
        continue;
      case Op.Srli:
        E.rd(at, E.a(at) >> <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.CSrli:
        E.rd(at, E.a(at) >> <u64>E.imm(at));
        at += 8;
        left--;
        continue;
      case Op.Srai:
        E.rd(at, <u64>(<i64>E.a(at) >> E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.CSrai:
        E.rd(at, <u64>(<i64>E.a(at) >> E.imm(at)));
        at += 8;
        left--;
        continue;
      case Op.Add:
        E.rd(at, E.a(at) + E.b(at));
        at += 16;
        left--;
        continue;
      case Op.CAdd:
        E.rd(at, E.a(at) + E.b(at));
        at += 8;
        left--;
        continue;
      case Op.Sub:
        E.rd(at, E.a(at) - E.b(at));
        at += 16;
        left--;
        continue;
      case Op.CSub:
        E.rd(at, E.a(at) - E.b(at));
        at += 8;
        left--;
        continue;
      case Op.Sll:
        E.rd(at, E.a(at) << (E.b(at) & 63));
        at += 16;
        left--;
        continue;
      case Op.Slt:
        E.rd(at, <i64>E.a(at) < <i64>E.b(at) ? 1 : 0);
        at += 16;
        left--;
        continue;
      case Op.Sltu:
        E.rd(at, E.a(at) < E.b(at) ? 1 : 0);
        at += 16;
        left--;
        continue;
      case Op.Xor:
        E.rd(at, E.a(at) ^ E.b(at));
        at += 16;
        left--;
        continue;
      case Op.CXor:
        E.rd(at, E.a(at) ^ E.b(at));
        at += 8;
        left--;
        continue;
      case Op.Srl:
        E.rd(at, E.a(at) >> (E.b(at) & 63));
        at += 16;
        left--;
        continue;
      case Op.Sra:
        E.rd(at, <u64>(<i64>E.a(at) >> (E.b(at) & 63)));
        at += 16;
        left--;
        continue;
      case Op.Or:
        E.rd(at, E.a(at) | E.b(at));
        at += 16;
        left--;
        continue;
      case Op.COr:
        E.rd(at, E.a(at) | E.b(at));
        at += 8;
        left--;
        continue;
      case Op.And:
        E.rd(at, E.a(at) & E.b(at));
        at += 16;
        left--;
        continue;
      case Op.CAnd:
        E.rd(at, E.a(at) & E.b(at));
        at += 8;
        left--;
        continue;
      case Op.Addiw:
        E.rd(at, word(E.a(at) + <u64>E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.CAddiw:
        E.rd(at, word(E.a(at) + <u64>E.imm(at)));
        at += 8;
        left--;
        continue;
      case Op.Slliw:
        E.rd(at, <u64>(<i64>(<i32>E.a(at) << load<i32>(at, 4))));
        at += 16;
        left--;
        continue;
      case Op.Srliw:
        E.rd(at, <u64>(<i64>(<i32>(<u32>E.a(at) >> load<u32>(at, 4)))));
        at += 16;
        left--;
        continue;
      case Op.Sraiw:
        E.rd(at, <u64>(<i64>(<i32>E.a(at) >> load<i32>(at, 4))));
        at += 16;
        left--;
        continue;
      case Op.Addw:
        E.rd(at, word(E.a(at) + E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.CAddw:
        E.rd(at, word(E.a(at) + E.b(at)));
        at += 8;
        left--;
        continue;
      case Op.Subw:
        E.rd(at, word(E.a(at) - E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.CSubw:
        E.rd(at, word(E.a(at) - E.b(at)));
        at += 8;
        left--;
        continue;
      case Op.Sllw:
        E.rd(at, <u64>(<i64>(<i32>E.a(at) << (<i32>E.b(at) & 31))));
        at += 16;
        left--;
        continue;
      case Op.Srlw:
        E.rd(at, <u64>(<i64>(<i32>(<u32>E.a(at) >> (<u32>E.b(at) & 31)))));
        at += 16;
        left--;
        continue;
      case Op.Sraw:
        E.rd(at, <u64>(<i64>(<i32>E.a(at) >> (<i32>E.b(at) & 31))));
        at += 16;
        left--;
        continue;
      case Op.Mul:
        E.rd(at, E.a(at) * E.b(at));
        at += 16;
        left--;
        continue;
      case Op.Mulw:
        E.rd(at, word(E.a(at) * E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.AddUw:
        E.rd(at, E.b(at) + (E.a(at) & 0xffffffff));
        at += 16;
        left--;
        continue;
      case Op.Sh1add:
        E.rd(at, E.b(at) + (E.a(at) << 1));
        at += 16;
        left--;
        continue;
      case Op.Sh2add:
        E.rd(at, E.b(at) + (E.a(at) << 2));
        at += 16;
        left--;
        continue;
      case Op.Sh3add:
        E.rd(at, E.b(at) + (E.a(at) << 3));
        at += 16;
        left--;
        continue;
      case Op.Sh1addUw:
        E.rd(at, E.b(at) + ((E.a(at) & 0xffffffff) << 1));
        at += 16;
        left--;
        continue;
      case Op.Sh2addUw:
        E.rd(at, E.b(at) + ((E.a(at) & 0xffffffff) << 2));
        at += 16;
        left--;
        continue;
      case Op.Sh3addUw:
        E.rd(at, E.b(at) + ((E.a(at) & 0xffffffff) << 3));
        at += 16;
        left--;
        continue;
      case Op.SlliUw:
        E.rd(at, (E.a(at) & 0xffffffff) << <u64>E.imm(at));
        at += 16;
        left--;
        continue;
      case Op.Andn:
        E.rd(at, E.a(at) & ~E.b(at));
        at += 16;
        left--;
        continue;
      case Op.Orn:
        E.rd(at, E.a(at) | ~E.b(at));
        at += 16;
        left--;
        continue;
      case Op.Xnor:
        E.rd(at, ~(E.a(at) ^ E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.Min:
        E.rd(at, <i64>E.a(at) < <i64>E.b(at) ? E.a(at) : E.b(at));
        at += 16;
        left--;
        continue;
      case Op.Minu:
        E.rd(at, E.a(at) < E.b(at) ? E.a(at) : E.b(at));
        at += 16;
        left--;
        continue;
      case Op.Max:
        E.rd(at, <i64>E.a(at) < <i64>E.b(at) ? E.b(at) : E.a(at));
        at += 16;
        left--;
        continue;
      case Op.Maxu:
        E.rd(at, E.a(at) < E.b(at) ? E.b(at) : E.a(at));
        at += 16;
        left--;
        continue;
      case Op.Rol:
        E.rd(at, rotl(E.a(at), E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.Ror:
        E.rd(at, rotr(E.a(at), E.b(at)));
        at += 16;
        left--;
        continue;
      case Op.Rolw:
        E.rd(at, <u64>(<i64>rotl(<i32>E.a(at), <i32>E.b(at))));
        at += 16;
        left--;
        continue;
      case Op.Rorw:
        E.rd(at, <u64>(<i64>rotr(<i32>E.a(at), <i32>E.b(at))));
        at += 16;
        left--;
        continue;
      case Op.Rori:
        E.rd(at, rotr(E.a(at), <u64>E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.Roriw:
        E.rd(at, <u64>(<i64>rotr(<i32>E.a(at), load<i32>(at, 4))));
        at += 16;
        left--;
        continue;
      case Op.Clz:
        E.rd(at, clz(E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Ctz:
        E.rd(at, ctz(E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Cpop:
        E.rd(at, popcnt(E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.SextB:
        E.rd(at, <u64>(<i64>(<i8>E.a(at))));
        at += 16;
        left--;
        continue;
      case Op.SextH:
        E.rd(at, <u64>(<i64>(<i16>E.a(at))));
        at += 16;
        left--;
        continue;
      case Op.ZextH:
        E.rd(at, E.a(at) & 0xffff);
        at += 16;
        left--;
        continue;
      case Op.OrcB:
        E.rd(at, E.orCombine(E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Rev8:
        E.rd(at, E.reverse(E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Clzw:
        E.rd(at, <u64>clz(<u32>E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Ctzw:
        E.rd(at, <u64>ctz(<u32>E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Cpopw:
        E.rd(at, <u64>popcnt(<u32>E.a(at)));
        at += 16;
        left--;
        continue;
      case Op.Bclr:
        E.rd(at, E.a(at) & ~(<u64>1 << (E.b(at) & 63)));
        at += 16;
        left--;
        continue;
      case Op.Bext:
        E.rd(at, (E.a(at) >> (E.b(at) & 63)) & 1);
        at += 16;
        left--;
        continue;
      case Op.Binv:
        E.rd(at, E.a(at) ^ (<u64>1 << (E.b(at) & 63)));
        at += 16;
        left--;
        continue;
      case Op.Bset:
        E.rd(at, E.a(at) | (<u64>1 << (E.b(at) & 63)));
        at += 16;
        left--;
        continue;
      case Op.Bclri:
        E.rd(at, E.a(at) & ~(<u64>1 << <u64>E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.Bexti:
        E.rd(at, (E.a(at) >> <u64>E.imm(at)) & 1);
        at += 16;
        left--;
        continue;
      case Op.Binvi:
        E.rd(at, E.a(at) ^ (<u64>1 << <u64>E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.Bseti:
        E.rd(at, E.a(at) | (<u64>1 << <u64>E.imm(at)));
        at += 16;
        left--;
        continue;
      case Op.Fence:
      case Op.FenceI: // code is undecoded by the write itself
        at += 16;
        left--;
        continue;
    }
    break;
  }
  ip = at;
  quota = left;
  page = base;
  table = start;
}

/**
 * Executes the one entry that hot() left.
 *
 * @returns false where run() must look again: everything is stored then
 */
function slowStep(target: u64): bool {
  const e = ip;
  const retired = target - n;
  const pc = pcNow();
  const op = <i32>load<u8>(e);
  switch (op) {
    case Op.Decode:
      decodeAt(e, table);
      return true;
    case Op.Straddle:
      return goToLone(pc, target);
    case Op.PageEnd:
      if (!goTo(pc, target)) return false;
      landed();
      return true;
    case Op.Enter:
      return enterRegions(target);
    case Op.Illegal:
    case Op.CIllegal:
      return illegal(e, pc, retired);
    case Op.JalFar:
      E.rd(e, pc + 4);
      return jump(pc + E.imm(e), target);
    case Op.Jalr:
    case Op.JalrFar:
    case Op.CJalr:
    case Op.CJalrFar: {
      const to = (E.a(e) + E.imm(e)) & ~<u64>1;
      E.rd(e, pc + (op == Op.CJalr || op == Op.CJalrFar ? 2 : 4));
      return jump(to, target);
    }
    case Op.JumpFar:
    case Op.BeqFar: case Op.BneFar: case Op.BltFar: case Op.BgeFar: case Op.BltuFar: case Op.BgeuFar:
    case Op.CBeqFar: case Op.CBneFar: // hot() decided that it is taken
      return jump(pc + E.imm(e), target);
    case Op.Lb: return finishAccess(loadMissed(e, 1 | SIGNED, retired), pc, 4, target);
    case Op.Lh: return finishAccess(loadMissed(e, 2 | SIGNED, retired), pc, 4, target);
    case Op.Lw: return finishAccess(loadMissed(e, 4 | SIGNED, retired), pc, 4, target);
    case Op.CLw: return finishAccess(loadMissed(e, 4 | SIGNED, retired), pc, 2, target);
    case Op.Ld: return finishAccess(loadMissed(e, 8, retired), pc, 4, target);
    case Op.CLd: return finishAccess(loadMissed(e, 8, retired), pc, 2, target);
    case Op.Lbu: return finishAccess(loadMissed(e, 1, retired), pc, 4, target);
    case Op.Lhu: return finishAccess(loadMissed(e, 2, retired), pc, 4, target);
    case Op.Lwu: return finishAccess(loadMissed(e, 4, retired), pc, 4, target);
    case Op.Sb: return finishAccess(storeMissed(e, 1, retired), pc, 4, target);
    case Op.Sh: return finishAccess(storeMissed(e, 2, retired), pc, 4, target);
    case Op.Sw: return finishAccess(storeMissed(e, 4, retired), pc, 4, target);
    case Op.CSw: return finishAccess(storeMissed(e, 4, retired), pc, 2, target);
    case Op.Sd: return finishAccess(storeMissed(e, 8, retired), pc, 4, target);
    case Op.CSd: return finishAccess(storeMissed(e, 8, retired), pc, 2, target);
    case Op.Mulh: E.rd(e, mulh(E.a(e), E.b(e))); return retire(4);
    case Op.Mulhsu: E.rd(e, mulhsu(E.a(e), E.b(e))); return retire(4);
    case Op.Mulhu: E.rd(e, mulhu(E.a(e), E.b(e))); return retire(4);
    case Op.Div: E.rd(e, <u64>div(E.a(e), E.b(e))); return retire(4);
    case Op.Divu: E.rd(e, divu(E.a(e), E.b(e))); return retire(4);
    case Op.Rem: E.rd(e, <u64>rem(E.a(e), E.b(e))); return retire(4);
    case Op.Remu: E.rd(e, remu(E.a(e), E.b(e))); return retire(4);
    case Op.Divw: E.rd(e, word(div(word(E.a(e)), word(E.b(e))))); return retire(4);
    case Op.Divuw: E.rd(e, word(divu(<u32>E.a(e), <u32>E.b(e)))); return retire(4);
    case Op.Remw: E.rd(e, word(rem(word(E.a(e)), word(E.b(e))))); return retire(4);
    case Op.Remuw: E.rd(e, word(remu(<u32>E.a(e), <u32>E.b(e)))); return retire(4);
    case Op.Ecall: {
      const privilege = load<i32>(PRIV);
      if (privilege == PRIV_S && load<u64>(SBI_ENABLED) != 0) {
        setInstant(retired);
        sbiCall();
        leave(pc + 4, retired + 1);
        return false;
      }
      raise(pc, retired, privilege == PRIV_U ? CAUSE_ECALL_FROM_U : privilege == PRIV_S ? CAUSE_ECALL_FROM_S : CAUSE_ECALL_FROM_M, 0);
      return false;
    }
    case Op.Ebreak:
    case Op.CEbreak:
      raise(pc, retired, CAUSE_BREAKPOINT, pc);
      return false;
    case Op.Mret:
    case Op.Sret:
    case Op.Wfi:
      if (!privilegedAllowed(op)) return illegal(e, pc, retired);
      leave(pc + 4, retired + 1);
      if (op == Op.Mret) returnFromMachine();
      else if (op == Op.Sret) returnFromSupervisor();
      else if (op == Op.Wfi) store<u64>(WAITING, 1);
      return false;
    case Op.SfenceVma: // the TLBs follow the page tables by themselves
      return privilegedAllowed(op) ? retire(4) : illegal(e, pc, retired);
    case Op.Csr: {
      const outcome = executeCsr(e, retired);
      if (outcome == 0) return retire(4);
      if (outcome == 1) return illegal(e, pc, retired);
      leave(pc + 4, retired + 1);
      return false;
    }
    case Op.Cbo:
      if (!executeCacheBlock(load<u32>(e, 4) >> 20, E.a(e))) return illegal(e, pc, retired);
      return finishAccess(accessOutcome(), pc, 4, target);
    case Op.Amo:
      executeAmo(e);
      return finishAccess(accessOutcome(), pc, 4, target);
    case Op.Float:
      return executeFloat(load<u32>(e, 4)) ? retire(4) : illegal(e, pc, retired);
    case Op.Flw: return finishAccess(floatLoad(e, 4, retired), pc, 4, target);
    case Op.Fld: return finishAccess(floatLoad(e, 8, retired), pc, 4, target);
    case Op.CFld: return finishAccess(floatLoad(e, 8, retired), pc, 2, target);
    case Op.Fsw: return finishAccess(floatStore(e, 4, retired), pc, 4, target);
    case Op.Fsd: return finishAccess(floatStore(e, 8, retired), pc, 4, target);
    case Op.CFsd: return finishAccess(floatStore(e, 8, retired), pc, 2, target);
  }
  unreachable();
  return false;
}

/** Runs the region that the entry at `ip` leads to, and those that it leads to, until one comes to what is not translated. */
function enterRegions(target: u64): bool {
  while (true) {
    const entry = load<u64>(ip);
    const given = regionShare(n, stopLookLeft);
    beginRegion(target - (n - given), target);
    const out = call_indirect<u32>(<u32>(entry >> 32), page, table, dataSet, <u32>given, entry);
    const left = leftBehindRegion(out & <u32>REGION_LEFT_MAX);
    const retired = n - left;
    n = left;
    stopLookLeft = leftAtStopLook(target);
    const pc = load<u64>(PC);
    const reason = out >> 30;
    store<u64>(REGION_RETIRED, load<u64>(REGION_RETIRED) + retired);
    store<u64>(REGION_EXITS + (reason << 3), load<u64>(REGION_EXITS + (reason << 3)) + 1);
    if (reason == EXIT_LOOK_AGAIN) {
      clearTranslationsDropped();
      leave(pc, target - n);
      return false;
    }
    const x = E.slot(execSet, pc);
    if (load<u64>(x, TLB_EXEC) == (pc & ~<u64>0xfff)) {
      table = load<u32>(x, TLB_EXEC + 8);
      page = pc & ~<u64>0xfff;
      ip = table + ((<u32>pc & 0xfff) << 2);
    } else if (!goTo(pc, target)) return false;
    if (n <= stopLookLeft) return true;
    if (load<u8>(ip) != Op.Enter) {
      if (reason != EXIT_INTERPRET) landed();
      return true;
    }
    // The entry leads into a region that leaves this instruction to the interpreter.
    if (reason == EXIT_INTERPRET) return goToLone(pc, target);
  }
}

/** The entry of `length` bytes has retired and the next one follows. */
function retire(length: u32): bool {
  ip += length << 2;
  n--;
  return true;
}

function jump(to: u64, target: u64): bool {
  n--;
  return goTo(to, target);
}

function illegal(e: u32, pc: u64, retired: u64): bool {
  raise(pc, retired, CAUSE_ILLEGAL_INSTRUCTION, <u64>load<u32>(e, 4));
  return false;
}

/** Ends an access to memory by its outcome. */
function finishAccess(outcome: u32, pc: u64, length: u32, target: u64): bool {
  if (outcome == DONE) return retire(length);
  if (outcome == LOOK_AGAIN) leave(pc + length, target - n + 1);
  else if (outcome == FAULT) raiseFault(pc, target - n);
  else raise(pc, target - n, CAUSE_ILLEGAL_INSTRUCTION, instructionBits(pc, length));
  return false;
}
