/** CSR reads and writes: existence, privilege, and one legalising write for each WARL register. Unknown CSRs are illegal. */
import {
  CSR_CYCLE, CSR_FCSR, CSR_FFLAGS, CSR_FRM, CSR_INSTRET, CSR_MARCHID, CSR_MCAUSE, CSR_MCONFIGPTR, CSR_MCOUNTEREN,
  CSR_MCOUNTINHIBIT, CSR_MCYCLE, CSR_MEDELEG, CSR_MENVCFG, CSR_MEPC, CSR_MHARTID, CSR_MHPMCOUNTER3, CSR_MHPMEVENT3, CSR_MIDELEG, CSR_MIE,
  CSR_MIMPID, CSR_MINSTRET, CSR_MIP, CSR_MISA, CSR_MSCRATCH, CSR_MSTATUS, CSR_MTVAL, CSR_MTVEC, CSR_MVENDORID,
  CSR_PMPADDR0, CSR_PMPCFG0, CSR_SATP, CSR_SCAUSE, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_SEPC, CSR_SIE, CSR_SIP, CSR_SSCRATCH,
  CSR_SSTATUS, CSR_STIMECMP, CSR_STVAL, CSR_STVEC, CSR_TIME,
} from "../../isa/csr";
import { IRQ_SEI, IRQ_SSI, IRQ_STI } from "../../isa/causes";
import {
  MSTATUS_FS, MSTATUS_MIE, MSTATUS_MPIE, MSTATUS_MPP, MSTATUS_MPP_SHIFT, MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SIE,
  MSTATUS_SPIE, MSTATUS_SPP, MSTATUS_SUM, MSTATUS_TSR, MSTATUS_TVM, MSTATUS_TW, PRIV_M, PRIV_S, SATP_BARE, SATP_MODE_SHIFT,
  SATP_SV39,
} from "../../isa/status-bits";
import { timeAt } from "../devices/clint";
import {
  FCSR, MCAUSE, MCOUNTEREN, MCOUNTINHIBIT, MCYCLE_OFFSET, MEDELEG, MENVCFG, MEPC, MIDELEG, MIE, MINSTRET_OFFSET, MIP_SOFT,
  MSCRATCH, MSTATUS, MTVAL, MTVEC, PMPADDR, PMPCFG, PRIV, SATP, SCAUSE, SCOUNTEREN, SENVCFG, SEPC, SSCRATCH, STIMECMP,
  STVAL, STVEC,
} from "../layout";
import { modeChanged } from "./mmu";
import { flushAllTlbs } from "./tlb";
import { MENVCFG_STCE, pendingInterrupts } from "./trap";

const SSTATUS_MASK: u64 = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR;
const MSTATUS_MASK: u64 = SSTATUS_MASK | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR;
/** SXL = UXL = 64 bits, read only. */
const MSTATUS_XLEN: u64 = 0xa_0000_0000;
const MSTATUS_SD: u64 = 1 << 63;
const UXL: u64 = 0x2_0000_0000;
const SUPERVISOR_INTERRUPTS: u64 = (1 << IRQ_SSI) | (1 << IRQ_STI) | (1 << IRQ_SEI);
const ALL_INTERRUPTS: u64 = 0xaaa;
/** Every exception but ecall from M. */
const DELEGABLE: u64 = 0xb3ff;
/** RV64IMAFDCB with S and U. */
const MISA: u64 = 0x8000_0000_0014_112f;
const ASID_MASK: u64 = 0xffff << 44;

/** Set where an access is refused: the instruction is illegal. */
export let csrIllegal: bool = false;
/** Set by a write after which a pending interrupt may be due. */
export let interruptsChanged: bool = false;

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
    case CSR_CYCLE: return counterAllowed(0) ? instant + load<u64>(MCYCLE_OFFSET) : refuse();
    case CSR_TIME: return counterAllowed(1) ? timeAt(instant) : refuse();
    case CSR_INSTRET: return counterAllowed(2) ? instant + load<u64>(MINSTRET_OFFSET) : refuse();
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
    case CSR_MCYCLE: return instant + load<u64>(MCYCLE_OFFSET);
    case CSR_MINSTRET: return instant + load<u64>(MINSTRET_OFFSET);
    case CSR_MVENDORID: case CSR_MARCHID: case CSR_MIMPID: case CSR_MHARTID: case CSR_MCONFIGPTR: return 0;
  }
  if (number == CSR_PMPCFG0 || number == CSR_PMPCFG0 + 2) return load<u64>(PMPCFG + <u32>((number & 2) << 2));
  if (number >= CSR_PMPADDR0 && number < CSR_PMPADDR0 + 16) return load<u64>(PMPADDR + <u32>((number & 15) << 3));
  if (isZeroCounter(number)) return 0;
  return refuse();
}

/**
 * Writes a CSR that `readCsr` has just accepted.
 *
 * @param instant instructions retired before this one
 */
export function writeCsr(number: i32, value: u64, instant: u64): void {
  interruptsChanged = false;
  csrIllegal = false;
  if (number >> 10 == 3) { // read only
    refuse();
    return;
  }
  switch (number) {
    case CSR_FFLAGS: store<u64>(FCSR, (load<u64>(FCSR) & 0xe0) | (value & 31)); floatDirty(); return;
    case CSR_FRM: store<u64>(FCSR, (load<u64>(FCSR) & 31) | ((value & 7) << 5)); floatDirty(); return;
    case CSR_FCSR: store<u64>(FCSR, value & 0xff); floatDirty(); return;
    case CSR_SSTATUS: writeStatus((load<u64>(MSTATUS) & ~SSTATUS_MASK) | (value & SSTATUS_MASK)); return;
    case CSR_MSTATUS: writeStatus(value & MSTATUS_MASK); return;
    case CSR_SIE: {
      const delegated = load<u64>(MIDELEG);
      store<u64>(MIE, (load<u64>(MIE) & ~delegated) | (value & delegated));
      interruptsChanged = true;
      return;
    }
    case CSR_MIE: store<u64>(MIE, value & ALL_INTERRUPTS); interruptsChanged = true; return;
    case CSR_SIP: writeSoftInterrupts((1 << IRQ_SSI) & load<u64>(MIDELEG), value); return;
    case CSR_MIP: writeSoftInterrupts(softInterruptMask(), value); return;
    case CSR_STVEC: store<u64>(STVEC, legalVector(value)); return;
    case CSR_MTVEC: store<u64>(MTVEC, legalVector(value)); return;
    case CSR_SCOUNTEREN: store<u64>(SCOUNTEREN, value & 7); return;
    case CSR_MCOUNTEREN: store<u64>(MCOUNTEREN, value & 7); return;
    case CSR_SENVCFG: store<u64>(SENVCFG, value & 1); return;
    case CSR_MENVCFG: store<u64>(MENVCFG, value & (MENVCFG_STCE | 1)); interruptsChanged = true; return;
    case CSR_MCOUNTINHIBIT: store<u64>(MCOUNTINHIBIT, 0); return;
    case CSR_SSCRATCH: store<u64>(SSCRATCH, value); return;
    case CSR_MSCRATCH: store<u64>(MSCRATCH, value); return;
    case CSR_SEPC: store<u64>(SEPC, value & ~<u64>1); return;
    case CSR_MEPC: store<u64>(MEPC, value & ~<u64>1); return;
    case CSR_SCAUSE: store<u64>(SCAUSE, value); return;
    case CSR_MCAUSE: store<u64>(MCAUSE, value); return;
    case CSR_STVAL: store<u64>(STVAL, value); return;
    case CSR_MTVAL: store<u64>(MTVAL, value); return;
    case CSR_STIMECMP: store<u64>(STIMECMP, value); interruptsChanged = true; return;
    case CSR_SATP: writeSatp(value); return;
    case CSR_MISA: return;
    case CSR_MEDELEG: store<u64>(MEDELEG, value & DELEGABLE); return;
    case CSR_MIDELEG: store<u64>(MIDELEG, value & SUPERVISOR_INTERRUPTS); interruptsChanged = true; return;
    // A write replaces the count of this very instruction, so that the next read sees the written value.
    case CSR_MCYCLE: store<u64>(MCYCLE_OFFSET, value - (instant + 1)); return;
    case CSR_MINSTRET: store<u64>(MINSTRET_OFFSET, value - (instant + 1)); return;
  }
  if (number == CSR_PMPCFG0 || number == CSR_PMPCFG0 + 2) store<u64>(PMPCFG + <u32>((number & 2) << 2), value & 0x9f9f9f9f9f9f9f9f);
  else if (number >= CSR_PMPADDR0 && number < CSR_PMPADDR0 + 16) store<u64>(PMPADDR + <u32>((number & 15) << 3), value & 0x3fffffffffffff);
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

function counterAllowed(bit: u32): bool {
  const privilege = load<i32>(PRIV);
  if (privilege == PRIV_M) return true;
  if (((load<u64>(MCOUNTEREN) >> bit) & 1) == 0) return false;
  return privilege == PRIV_S || ((load<u64>(SCOUNTEREN) >> bit) & 1) != 0;
}

function stimecmpAllowed(): bool {
  if (load<u32>(PRIV) == PRIV_M) return true;
  return (load<u64>(MENVCFG) & MENVCFG_STCE) != 0 && (load<u64>(MCOUNTEREN) & 2) != 0;
}

/** mhpmcounter3..31 and mhpmevent3..31: hardwired to zero. */
function isZeroCounter(number: i32): bool {
  return (number >= CSR_MHPMCOUNTER3 && number < CSR_MHPMCOUNTER3 + 29) || (number >= CSR_MHPMEVENT3 && number < CSR_MHPMEVENT3 + 29);
}

/** Direct or vectored; the reserved modes read back as direct. */
function legalVector(value: u64): u64 {
  return (value & 2) != 0 ? value & ~<u64>3 : value;
}

function writeStatus(value: u64): void {
  // MPP holds a mode that exists: the reserved value 2 leaves it as it was.
  if ((value & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT == 2) value = (value & ~<u64>MSTATUS_MPP) | (load<u64>(MSTATUS) & MSTATUS_MPP);
  const changed = value ^ load<u64>(MSTATUS);
  store<u64>(MSTATUS, value);
  if ((changed & MSTATUS_MXR) != 0) flushAllTlbs();
  if ((changed & (MSTATUS_SUM | MSTATUS_MPRV | MSTATUS_MPP)) != 0) modeChanged();
  if ((changed & value & (MSTATUS_SIE | MSTATUS_MIE)) != 0) interruptsChanged = true;
}

/** Bits of mip that M mode writes; with Sstc, stimecmp alone drives STIP. */
function softInterruptMask(): u64 {
  const mask: u64 = (1 << IRQ_SSI) | (1 << IRQ_SEI);
  return (load<u64>(MENVCFG) & MENVCFG_STCE) != 0 ? mask : mask | (1 << IRQ_STI);
}

/** What csrrs and csrrc change: in mip only what software has set, not the lines that read as ones. */
export function modifiedValue(number: i32, read: u64): u64 {
  return number == CSR_MIP ? load<u64>(MIP_SOFT) : read;
}

function writeSoftInterrupts(mask: u64, value: u64): void {
  store<u64>(MIP_SOFT, (load<u64>(MIP_SOFT) & ~mask) | (value & mask));
  interruptsChanged = true;
}

/** A mode that is not there leaves satp as it was: Linux probes Sv57 and Sv48 so. */
function writeSatp(value: u64): void {
  if (load<u32>(PRIV) == PRIV_S && (load<u64>(MSTATUS) & MSTATUS_TVM) != 0) {
    refuse();
    return;
  }
  const mode = value >> SATP_MODE_SHIFT;
  if (mode != SATP_BARE && mode != SATP_SV39) return;
  const legal = mode == SATP_BARE ? 0 : value & (0xf << 60 | ASID_MASK | 0xfffffffffff);
  if (legal == load<u64>(SATP)) return;
  store<u64>(SATP, legal);
  flushAllTlbs();
}
