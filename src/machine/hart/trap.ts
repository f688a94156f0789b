/** Traps: entry, return, and which interrupt is due. Privileged Architecture, "Machine-Level ISA" and "Supervisor-Level ISA". */
import { IRQ_MEI, IRQ_MSI, IRQ_MTI, IRQ_SEI, IRQ_SSI, IRQ_STI } from "../../isa/causes";
import {
  MSTATUS_MIE, MSTATUS_MPIE, MSTATUS_MPP, MSTATUS_MPP_SHIFT, MSTATUS_MPRV, MSTATUS_SIE, MSTATUS_SPIE, MSTATUS_SPP, PRIV_M,
  PRIV_S,
} from "../../isa/status-bits";
import { nextChange, timeAt } from "../devices/clint";
import { nextDeadline } from "../devices/deadlines";
import { HALT_PANIC } from "../devices/finisher";
import { plicInterrupts } from "../devices/plic";
import {
  HALTED, INSTRET, MCAUSE, MEDELEG, MENVCFG, MEPC, MIDELEG, MIE, MIP_SOFT, MSIP, MSTATUS, MTIMECMP, MTVAL, MTVEC, PC, PRIV,
  RESERVATION, SCAUSE, SEPC, STIMECMP, STVAL, STVEC, TRAP_INSTANT, TRAP_RUN,
} from "../layout";
import { MENVCFG_STCE } from "./csr-legal";
import { modeChanged } from "./mmu";

/** A hart that takes so many traps without retiring an instruction will never do anything else. */
const TRAP_RUN_LIMIT: u64 = 1024;

/**
 * Takes an exception or interrupt at PC. INSTRET must be exact: the trapping instruction has not retired.
 *
 * @param cause with bit 63 for interrupts
 */
export function takeTrap(cause: u64, value: u64): void {
  const instant = load<u64>(INSTRET);
  if (load<u64>(TRAP_INSTANT) == instant) {
    const run = load<u64>(TRAP_RUN) + 1;
    store<u64>(TRAP_RUN, run);
    if (run > TRAP_RUN_LIMIT) store<u64>(HALTED, HALT_PANIC);
  } else {
    store<u64>(TRAP_INSTANT, instant);
    store<u64>(TRAP_RUN, 0);
  }
  store<u64>(RESERVATION, -1);
  const privilege = load<i32>(PRIV);
  const isInterrupt = <i64>cause < 0;
  const delegated = load<u64>(isInterrupt ? MIDELEG : MEDELEG);
  const status = load<u64>(MSTATUS);
  const pc = load<u64>(PC);
  let vector: u64;
  if (privilege <= PRIV_S && ((delegated >> (cause & 63)) & 1) != 0) {
    store<u64>(SCAUSE, cause);
    store<u64>(SEPC, pc);
    store<u64>(STVAL, value);
    let next = status & ~<u64>(MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP);
    if ((status & MSTATUS_SIE) != 0) next |= MSTATUS_SPIE;
    if (privilege == PRIV_S) next |= MSTATUS_SPP;
    store<u64>(MSTATUS, next);
    store<u64>(PRIV, PRIV_S);
    vector = load<u64>(STVEC);
  } else {
    store<u64>(MCAUSE, cause);
    store<u64>(MEPC, pc);
    store<u64>(MTVAL, value);
    let next = status & ~<u64>(MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP);
    if ((status & MSTATUS_MIE) != 0) next |= MSTATUS_MPIE;
    next |= <u64>(<u32>privilege) << MSTATUS_MPP_SHIFT;
    store<u64>(MSTATUS, next);
    store<u64>(PRIV, PRIV_M);
    vector = load<u64>(MTVEC);
  }
  let target = vector & ~<u64>3;
  if (isInterrupt && (vector & 3) == 1) target += (cause & 63) << 2;
  store<u64>(PC, target);
  modeChanged();
}

export function returnFromMachine(): void {
  const status = load<u64>(MSTATUS);
  const privilege = (status & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
  let next = status & ~<u64>(MSTATUS_MIE | MSTATUS_MPP);
  if ((status & MSTATUS_MPIE) != 0) next |= MSTATUS_MIE;
  next |= MSTATUS_MPIE;
  if (privilege != PRIV_M) next &= ~<u64>MSTATUS_MPRV;
  store<u64>(MSTATUS, next);
  store<u64>(PRIV, privilege);
  store<u64>(PC, load<u64>(MEPC));
  modeChanged();
}

export function returnFromSupervisor(): void {
  const status = load<u64>(MSTATUS);
  let next = status & ~<u64>(MSTATUS_SIE | MSTATUS_SPP | MSTATUS_MPRV);
  if ((status & MSTATUS_SPIE) != 0) next |= MSTATUS_SIE;
  next |= MSTATUS_SPIE;
  store<u64>(MSTATUS, next);
  store<u64>(PRIV, (status & MSTATUS_SPP) != 0 ? PRIV_S : 0);
  store<u64>(PC, load<u64>(SEPC));
  modeChanged();
}

/** mip as the guest sees it at an instant: software's bits and the lines of timers and PLIC. */
export function pendingInterrupts(instant: u64): u64 {
  let mip = load<u64>(MIP_SOFT);
  const time = timeAt(instant);
  if ((load<u64>(MENVCFG) & MENVCFG_STCE) != 0) {
    mip &= ~<u64>(1 << IRQ_STI);
    if (time >= load<u64>(STIMECMP)) mip |= 1 << IRQ_STI;
  }
  if (time >= load<u64>(MTIMECMP)) mip |= 1 << IRQ_MTI;
  if (load<u64>(MSIP) != 0) mip |= 1 << IRQ_MSI;
  if (plicInterrupts(0)) mip |= 1 << IRQ_MEI;
  if (plicInterrupts(1)) mip |= 1 << IRQ_SEI;
  return mip;
}

/** The first instant after `instant` at which a timer line changes by itself, or a device has a deadline. */
export function nextTimerInstant(instant: u64): u64 {
  const machine = min(nextChange(load<u64>(MTIMECMP), instant), nextDeadline(instant));
  return (load<u64>(MENVCFG) & MENVCFG_STCE) != 0 ? min(machine, nextChange(load<u64>(STIMECMP), instant)) : machine;
}

/** The interrupt to take now, as its cause without bit 63, or -1. Order: MEI, MSI, MTI, SEI, SSI, STI. */
export function dueInterrupt(pending: u64): i32 {
  const enabled = pending & load<u64>(MIE);
  if (enabled == 0) return -1;
  const privilege = load<i32>(PRIV);
  const status = load<u64>(MSTATUS);
  const delegated = load<u64>(MIDELEG);
  let take: u64 = 0;
  if (privilege < PRIV_M || (status & MSTATUS_MIE) != 0) take = enabled & ~delegated;
  if (take == 0 && (privilege < PRIV_S || (privilege == PRIV_S && (status & MSTATUS_SIE) != 0))) take = enabled & delegated;
  if (take == 0) return -1;
  if ((take & (1 << IRQ_MEI)) != 0) return IRQ_MEI;
  if ((take & (1 << IRQ_MSI)) != 0) return IRQ_MSI;
  if ((take & (1 << IRQ_MTI)) != 0) return IRQ_MTI;
  if ((take & (1 << IRQ_SEI)) != 0) return IRQ_SEI;
  if ((take & (1 << IRQ_SSI)) != 0) return IRQ_SSI;
  return IRQ_STI;
}
