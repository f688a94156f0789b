/**
 * What a CSR holds after a write (WARL): one function for each register that does not hold everything. Pure: from what is written
 * and what it held to what it holds. Registers of PMP have theirs in pmp.ts.
 */
import { IRQ_MEI, IRQ_MSI, IRQ_MTI, IRQ_SEI, IRQ_SSI, IRQ_STI } from "../../isa/causes";
import {
  COUNTER_CYCLE, COUNTER_INSTRET, ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBIE_SHIFT, ENVCFG_CBZE, ENVCFG_FIOM, MENVCFG_ADUE_SHIFT,
  MENVCFG_STCE_SHIFT, MSTATUS_FS, MSTATUS_MIE, MSTATUS_MPIE, MSTATUS_MPP, MSTATUS_MPP_SHIFT, MSTATUS_MPRV, MSTATUS_MXR, MSTATUS_SIE,
  MSTATUS_SPIE, MSTATUS_SPP, MSTATUS_SUM, MSTATUS_TSR, MSTATUS_TVM, MSTATUS_TW, SATP_BARE, SATP_MODE_SHIFT, SATP_SV39, SATP_SV48,
} from "../../isa/status-bits";

export const SSTATUS_MASK: u64 = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR;
const MSTATUS_MASK: u64 = SSTATUS_MASK | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR;
const SUPERVISOR_INTERRUPTS: u64 = (1 << IRQ_SSI) | (1 << IRQ_STI) | (1 << IRQ_SEI);
const ALL_INTERRUPTS: u64 = SUPERVISOR_INTERRUPTS | (1 << IRQ_MSI) | (1 << IRQ_MTI) | (1 << IRQ_MEI);
/** Every exception but ecall from M, and what is reserved. */
const DELEGABLE: u64 = 0xb3ff;
const SATP_FIELDS: u64 = 0xf << 60 | 0xffff << 44 | 0xfffffffffff;

export const MENVCFG_STCE: u64 = 1 << MENVCFG_STCE_SHIFT;
export const MENVCFG_ADUE: u64 = 1 << MENVCFG_ADUE_SHIFT;
const SENVCFG_MASK: u64 = ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;

export function legalFflags(value: u64, fcsr: u64): u64 {
  return (fcsr & 0xe0) | (value & 31);
}

/** The reserved modes are held too: instructions that round by them are illegal. */
export function legalFrm(value: u64, fcsr: u64): u64 {
  return (fcsr & 31) | ((value & 7) << 5);
}

export function legalFcsr(value: u64): u64 {
  return value & 0xff;
}

/** MPP holds a mode that exists: the reserved value 2 leaves it as it was. */
export function legalMstatus(value: u64, old: u64): u64 {
  const legal = value & MSTATUS_MASK;
  if ((legal & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT != 2) return legal;
  return (legal & ~<u64>MSTATUS_MPP) | (old & MSTATUS_MPP);
}

export function legalSstatus(value: u64, mstatus: u64): u64 {
  return (mstatus & ~SSTATUS_MASK) | (value & SSTATUS_MASK);
}

export function legalMie(value: u64): u64 {
  return value & ALL_INTERRUPTS;
}

export function legalSie(value: u64, mie: u64, mideleg: u64): u64 {
  return (mie & ~mideleg) | (value & mideleg);
}

/** Of software's bits of mip: with Sstc, stimecmp alone drives STIP. */
export function legalMip(value: u64, soft: u64, menvcfg: u64): u64 {
  const mask: u64 = (1 << IRQ_SSI) | (1 << IRQ_SEI) | ((menvcfg & MENVCFG_STCE) != 0 ? 0 : 1 << IRQ_STI);
  return (soft & ~mask) | (value & mask);
}

export function legalSip(value: u64, soft: u64, mideleg: u64): u64 {
  const mask = (1 << IRQ_SSI) & mideleg;
  return (soft & ~mask) | (value & mask);
}

export function legalMedeleg(value: u64): u64 {
  return value & DELEGABLE;
}

export function legalMideleg(value: u64): u64 {
  return value & SUPERVISOR_INTERRUPTS;
}

/** mtvec, stvec: direct or vectored; the reserved modes read back as direct. */
export function legalVector(value: u64): u64 {
  return (value & 2) != 0 ? value & ~<u64>3 : value;
}

/** mepc, sepc. */
export function legalInstructionAddress(value: u64): u64 {
  return value & ~<u64>1;
}

/** mcounteren, scounteren: a bit for each counter, those included that read zero. */
export function legalCounteren(value: u64): u64 {
  return value & 0xffffffff;
}

export function legalMcountinhibit(value: u64): u64 {
  return value & ((1 << COUNTER_CYCLE) | (1 << COUNTER_INSTRET));
}

/** CBIE = 2 is reserved and leaves the field as it was. */
export function legalSenvcfg(value: u64, old: u64): u64 {
  const legal = value & SENVCFG_MASK;
  if ((legal & ENVCFG_CBIE) >> ENVCFG_CBIE_SHIFT != 2) return legal;
  return (legal & ~<u64>ENVCFG_CBIE) | (old & ENVCFG_CBIE);
}

export function legalMenvcfg(value: u64, old: u64): u64 {
  return legalSenvcfg(value, old) | (value & (MENVCFG_STCE | MENVCFG_ADUE));
}

/** A mode that is not there leaves satp as it was: Linux finds out so that there is no Sv57. */
export function legalSatp(value: u64, old: u64): u64 {
  const mode = value >> SATP_MODE_SHIFT;
  if (mode == SATP_BARE) return 0;
  return mode == SATP_SV39 || mode == SATP_SV48 ? value & SATP_FIELDS : old;
}
