/**
 * CSR reads and writes: which there are, who may, and what a write sets off. What a register then holds csr-legal.ts says, of
 * counters counters.ts, of PMP pmp.ts. Unknown CSRs are illegal.
 */
import {
  CSR_CYCLE, CSR_FCSR, CSR_FFLAGS, CSR_FRM, CSR_HPMCOUNTER3, CSR_INSTRET, CSR_MARCHID, CSR_MCAUSE, CSR_MCONFIGPTR, CSR_MCOUNTEREN,
  CSR_MCOUNTINHIBIT, CSR_MCYCLE, CSR_MEDELEG, CSR_MENVCFG, CSR_MEPC, CSR_MHARTID, CSR_MHPMCOUNTER3, CSR_MHPMEVENT3, CSR_MIDELEG, CSR_MIE,
  CSR_MIMPID, CSR_MINSTRET, CSR_MIP, CSR_MISA, CSR_MSCRATCH, CSR_MSTATUS, CSR_MTVAL, CSR_MTVEC, CSR_MVENDORID,
  CSR_PMPADDR0, CSR_PMPCFG0, CSR_SATP, CSR_SCAUSE, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_SEPC, CSR_SIE, CSR_SIP, CSR_SSCRATCH,
  CSR_SSTATUS, CSR_STIMECMP, CSR_STVAL, CSR_STVEC, CSR_TIME,
} from "../../isa/csr";
import {
  COUNTER_CYCLE, COUNTER_INSTRET, COUNTER_TIME, MSTATUS_FS, MSTATUS_MIE, MSTATUS_MPP, MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SIE,
  MSTATUS_SUM, MSTATUS_TVM, PRIV_M, PRIV_S,
} from "../../isa/status-bits";
import { timeAt } from "../devices/clint";
import {
  FCSR, MCAUSE, MCOUNTEREN, MCOUNTINHIBIT, MEDELEG, MENVCFG, MEPC, MIDELEG, MIE, MIP_SOFT, MSCRATCH, MSTATUS, MTVAL, MTVEC,
  PMPADDR, PMPCFG, PRIV, SATP, SCAUSE, SCOUNTEREN, SENVCFG, SEPC, SSCRATCH, STIMECMP, STVAL, STVEC,
} from "../layout";
import { counterAllowed, readCycle, readInstret, writeCountinhibit, writeCycle, writeInstret } from "./counters";
import {
  legalCounteren, legalFcsr, legalFflags, legalFrm, legalInstructionAddress, legalMedeleg, legalMenvcfg, legalMideleg, legalMie,
  legalMip, legalMstatus, legalSatp, legalSenvcfg, legalSie, legalSip, legalSstatus, legalVector, MENVCFG_STCE, SSTATUS_MASK,
} from "./csr-legal";
import { addressSpaceChanged, modeChanged } from "./mmu";
import { legalPmpaddr, legalPmpcfg, PMP_ENTRIES, pmpChanged } from "./pmp";
import { flushAllTlbs } from "./tlb";
import { pendingInterrupts } from "./trap";

/** SXL = UXL = 64 bits, read only. */
const MSTATUS_XLEN: u64 = 0xa_0000_0000;
const MSTATUS_SD: u64 = 1 << 63;
const UXL: u64 = 0x2_0000_0000;
/** RV64IMAFDCB with S and U. */
const MISA: u64 = 0x8000_0000_0014_112f;
/** mhpmcounter3..31 and their events. */
const HPM_COUNTERS = 29;

/** Set where an access is refused: the instruction is illegal. */
export let csrIllegal: bool = false;
/** Set by a write after which a pending interrupt may be due. */
export let interruptsChanged: bool = false;
/** Set by a write after which the next instruction may not be where, or what, it was: it is fetched anew. */
export let fetchChanged: bool = false;

/**
 * Reads a CSR.
 *
 * @param instant instructions retired before this one
 */
export function readCsr(number: i32, instant: u64): u64 {
  csrIllegal = false;
  const privilege = load<i32>(PRIV);
  if (privilege < ((number >> 8) & 3)) return refuse();
  switch (number) {
    case CSR_FFLAGS: return floatOff() ? refuse() : load<u64>(FCSR) & 31;
    case CSR_FRM: return floatOff() ? refuse() : load<u64>(FCSR) >> 5;
    case CSR_FCSR: return floatOff() ? refuse() : load<u64>(FCSR);
    case CSR_CYCLE: return counterAllowed(COUNTER_CYCLE) ? readCycle(instant) : refuse();
    case CSR_TIME: return counterAllowed(COUNTER_TIME) ? timeAt(instant) : refuse();
    case CSR_INSTRET: return counterAllowed(COUNTER_INSTRET) ? readInstret(instant) : refuse();
    case CSR_SSTATUS: return withSd(load<u64>(MSTATUS) & SSTATUS_MASK) | UXL;
    case CSR_SIE: return load<u64>(MIE) & load<u64>(MIDELEG);
    case CSR_STVEC: return load<u64>(STVEC);
    case CSR_SCOUNTEREN: return load<u64>(SCOUNTEREN);
    case CSR_SENVCFG: return load<u64>(SENVCFG);
    case CSR_SSCRATCH: return load<u64>(SSCRATCH);
    case CSR_SEPC: return load<u64>(SEPC);
    case CSR_SCAUSE: return load<u64>(SCAUSE);
    case CSR_STVAL: return load<u64>(STVAL);
    case CSR_SIP: return pendingInterrupts(instant) & load<u64>(MIDELEG);
    case CSR_STIMECMP: return stimecmpAllowed() ? load<u64>(STIMECMP) : refuse();
    case CSR_SATP: return privilege == PRIV_S && (load<u64>(MSTATUS) & MSTATUS_TVM) != 0 ? refuse() : load<u64>(SATP);
    case CSR_MSTATUS: return withSd(load<u64>(MSTATUS)) | MSTATUS_XLEN;
    case CSR_MISA: return MISA;
    case CSR_MEDELEG: return load<u64>(MEDELEG);
    case CSR_MIDELEG: return load<u64>(MIDELEG);
    case CSR_MIE: return load<u64>(MIE);
    case CSR_MTVEC: return load<u64>(MTVEC);
    case CSR_MCOUNTEREN: return load<u64>(MCOUNTEREN);
    case CSR_MENVCFG: return load<u64>(MENVCFG);
    case CSR_MCOUNTINHIBIT: return load<u64>(MCOUNTINHIBIT);
    case CSR_MSCRATCH: return load<u64>(MSCRATCH);
    case CSR_MEPC: return load<u64>(MEPC);
    case CSR_MCAUSE: return load<u64>(MCAUSE);
    case CSR_MTVAL: return load<u64>(MTVAL);
    case CSR_MIP: return pendingInterrupts(instant);
    case CSR_MCYCLE: return readCycle(instant);
    case CSR_MINSTRET: return readInstret(instant);
    case CSR_MVENDORID: case CSR_MARCHID: case CSR_MIMPID: case CSR_MHARTID: case CSR_MCONFIGPTR: return 0;
  }
  const pmp = pmpRegister(number);
  if (pmp != 0) return load<u64>(pmp);
  if (number >= CSR_HPMCOUNTER3 && number < CSR_HPMCOUNTER3 + HPM_COUNTERS) return counterAllowed(number & 31) ? 0 : refuse();
  if (number >= CSR_MHPMCOUNTER3 && number < CSR_MHPMCOUNTER3 + HPM_COUNTERS) return 0;
  if (number >= CSR_MHPMEVENT3 && number < CSR_MHPMEVENT3 + HPM_COUNTERS) return 0;
  return refuse();
}

/**
 * Writes a CSR that `readCsr` has just accepted.
 *
 * @param instant instructions retired before this one
 */
export function writeCsr(number: i32, value: u64, instant: u64): void {
  interruptsChanged = false;
  fetchChanged = false;
  csrIllegal = false;
  if (number >> 10 == 3) { // read only
    refuse();
    return;
  }
  switch (number) {
    case CSR_FFLAGS: store<u64>(FCSR, legalFflags(value, load<u64>(FCSR))); floatDirty(); return;
    case CSR_FRM: store<u64>(FCSR, legalFrm(value, load<u64>(FCSR))); floatDirty(); return;
    case CSR_FCSR: store<u64>(FCSR, legalFcsr(value)); floatDirty(); return;
    case CSR_SSTATUS: writeStatus(legalSstatus(value, load<u64>(MSTATUS))); return;
    case CSR_MSTATUS: writeStatus(legalMstatus(value, load<u64>(MSTATUS))); return;
    case CSR_SIE: store<u64>(MIE, legalSie(value, load<u64>(MIE), load<u64>(MIDELEG))); interruptsChanged = true; return;
    case CSR_MIE: store<u64>(MIE, legalMie(value)); interruptsChanged = true; return;
    case CSR_SIP: store<u64>(MIP_SOFT, legalSip(value, load<u64>(MIP_SOFT), load<u64>(MIDELEG))); interruptsChanged = true; return;
    case CSR_MIP: store<u64>(MIP_SOFT, legalMip(value, load<u64>(MIP_SOFT), load<u64>(MENVCFG))); interruptsChanged = true; return;
    case CSR_STVEC: store<u64>(STVEC, legalVector(value)); return;
    case CSR_MTVEC: store<u64>(MTVEC, legalVector(value)); return;
    case CSR_SCOUNTEREN: store<u64>(SCOUNTEREN, legalCounteren(value)); return;
    case CSR_MCOUNTEREN: store<u64>(MCOUNTEREN, legalCounteren(value)); return;
    case CSR_SENVCFG: store<u64>(SENVCFG, legalSenvcfg(value, load<u64>(SENVCFG))); return;
    case CSR_MENVCFG: store<u64>(MENVCFG, legalMenvcfg(value, load<u64>(MENVCFG))); interruptsChanged = true; return;
    case CSR_MCOUNTINHIBIT: writeCountinhibit(value, instant); return;
    case CSR_SSCRATCH: store<u64>(SSCRATCH, value); return;
    case CSR_MSCRATCH: store<u64>(MSCRATCH, value); return;
    case CSR_SEPC: store<u64>(SEPC, legalInstructionAddress(value)); return;
    case CSR_MEPC: store<u64>(MEPC, legalInstructionAddress(value)); return;
    case CSR_SCAUSE: store<u64>(SCAUSE, value); return;
    case CSR_MCAUSE: store<u64>(MCAUSE, value); return;
    case CSR_STVAL: store<u64>(STVAL, value); return;
    case CSR_MTVAL: store<u64>(MTVAL, value); return;
    case CSR_STIMECMP: store<u64>(STIMECMP, value); interruptsChanged = true; return;
    case CSR_SATP: writeSatp(value); return;
    case CSR_MISA: return;
    case CSR_MEDELEG: store<u64>(MEDELEG, legalMedeleg(value)); return;
    case CSR_MIDELEG: store<u64>(MIDELEG, legalMideleg(value)); interruptsChanged = true; return;
    case CSR_MCYCLE: writeCycle(value, instant); return;
    case CSR_MINSTRET: writeInstret(value, instant); return;
  }
  const pmp = pmpRegister(number);
  if (pmp != 0) writePmp(pmp, value);
}

function refuse(): u64 {
  csrIllegal = true;
  return 0;
}

export function floatOff(): bool {
  return (load<u64>(MSTATUS) & MSTATUS_FS) == 0;
}

export function floatDirty(): void {
  store<u64>(MSTATUS, load<u64>(MSTATUS) | MSTATUS_FS);
}

function withSd(status: u64): u64 {
  return (status & MSTATUS_FS) == MSTATUS_FS ? status | MSTATUS_SD : status;
}

function stimecmpAllowed(): bool {
  if (load<u32>(PRIV) == PRIV_M) return true;
  return (load<u64>(MENVCFG) & MENVCFG_STCE) != 0 && (load<u64>(MCOUNTEREN) & 2) != 0;
}

/** Where a PMP register is; 0: it is none. */
function pmpRegister(number: i32): u32 {
  if (number == CSR_PMPCFG0 || number == CSR_PMPCFG0 + 2) return PMPCFG + <u32>((number & 2) << 2);
  const entry = <u32>(number - CSR_PMPADDR0);
  return entry < PMP_ENTRIES ? PMPADDR + (entry << 3) : 0;
}

function writePmp(register: u32, value: u64): void {
  const old = load<u64>(register);
  const legal = register < PMPADDR ? legalPmpcfg(value, old) : legalPmpaddr((register - PMPADDR) >> 3, value, old);
  if (legal == old) return;
  store<u64>(register, legal);
  pmpChanged();
  fetchChanged = true;
}

function writeStatus(value: u64): void {
  const changed = value ^ load<u64>(MSTATUS);
  store<u64>(MSTATUS, value);
  if ((changed & MSTATUS_MXR) != 0) flushAllTlbs();
  if ((changed & (MSTATUS_SUM | MSTATUS_MPRV | MSTATUS_MPP)) != 0) modeChanged();
  if ((changed & value & (MSTATUS_SIE | MSTATUS_MIE)) != 0) interruptsChanged = true;
}

/** What csrrs and csrrc change: in mip only what software has set, not the lines that read as ones. */
export function modifiedValue(number: i32, read: u64): u64 {
  return number == CSR_MIP ? load<u64>(MIP_SOFT) : read;
}

function writeSatp(value: u64): void {
  if (load<u32>(PRIV) == PRIV_S && (load<u64>(MSTATUS) & MSTATUS_TVM) != 0) {
    refuse();
    return;
  }
  fetchChanged = true;
  const old = load<u64>(SATP);
  const legal = legalSatp(value, old);
  if (legal == old) return;
  store<u64>(SATP, legal);
  addressSpaceChanged();
}
