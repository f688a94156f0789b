/**
 * mcycle and minstret: how far they are from the instant, which counts every instruction that retires, one a cycle. Who may read
 * them, and what stops them.
 *
 * A counter that is inhibited is held as the number it stands at.
 */
import { COUNTER_CYCLE, COUNTER_INSTRET, PRIV_M, PRIV_S } from "../../isa/status-bits";
import { MCOUNTEREN, MCOUNTINHIBIT, MCYCLE_BASE, MINSTRET_BASE, PRIV, SCOUNTEREN } from "../layout";
import { legalMcountinhibit } from "./csr-legal";

function inhibited(counter: u32): bool {
  return ((load<u64>(MCOUNTINHIBIT) >> counter) & 1) != 0;
}

/** @param instant instructions retired before this one */
export function readCycle(instant: u64): u64 {
  return load<u64>(MCYCLE_BASE) + (inhibited(COUNTER_CYCLE) ? 0 : instant);
}

export function readInstret(instant: u64): u64 {
  return load<u64>(MINSTRET_BASE) + (inhibited(COUNTER_INSTRET) ? 0 : instant);
}

/** A write replaces the count of this very instruction, so that the next read sees the written value. */
export function writeCycle(value: u64, instant: u64): void {
  store<u64>(MCYCLE_BASE, value - (inhibited(COUNTER_CYCLE) ? 0 : instant + 1));
}

export function writeInstret(value: u64, instant: u64): void {
  store<u64>(MINSTRET_BASE, value - (inhibited(COUNTER_INSTRET) ? 0 : instant + 1));
}

/** Takes effect behind this instruction, which counts if it began with the counter running. */
export function writeCountinhibit(value: u64, instant: u64): void {
  const legal = legalMcountinhibit(value);
  const changed = legal ^ load<u64>(MCOUNTINHIBIT);
  store<u64>(MCOUNTINHIBIT, legal);
  if ((changed & (1 << COUNTER_CYCLE)) != 0) hold(MCYCLE_BASE, (legal & (1 << COUNTER_CYCLE)) != 0, instant + 1);
  if ((changed & (1 << COUNTER_INSTRET)) != 0) hold(MINSTRET_BASE, (legal & (1 << COUNTER_INSTRET)) != 0, instant + 1);
}

function hold(base: u32, on: bool, instant: u64): void {
  store<u64>(base, on ? load<u64>(base) + instant : load<u64>(base) - instant);
}

/** Whether the present mode may read a counter by its unprivileged name. */
export function counterAllowed(counter: u32): bool {
  const privilege = load<i32>(PRIV);
  if (privilege == PRIV_M) return true;
  if (((load<u64>(MCOUNTEREN) >> counter) & 1) == 0) return false;
  return privilege == PRIV_S || ((load<u64>(SCOUNTEREN) >> counter) & 1) != 0;
}
