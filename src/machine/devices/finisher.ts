/** SiFive's test finisher (QEMU's `sifive_test`): the guest ends itself by a store. */
import { FINISHER_FAIL, FINISHER_POWEROFF, FINISHER_REBOOT } from "../../isa/memory-map";
import { HALTED } from "../layout";

export const HALT_POWEROFF: u64 = 1;
export const HALT_REBOOT: u64 = 2;
export const HALT_PANIC: u64 = 3;

export function finisherWrite(offset: u32, value: u32): void {
  if (offset != 0) return;
  const code = value & 0xffff;
  if (code == FINISHER_POWEROFF) halt(HALT_POWEROFF, value);
  else if (code == FINISHER_REBOOT) halt(HALT_REBOOT, value);
  else if (code == FINISHER_FAIL) halt(HALT_PANIC, value);
}

function halt(how: u64, value: u32): void {
  store<u64>(HALTED, how | (<u64>value << 32));
}
