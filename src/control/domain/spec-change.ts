/** Which fields of a VM's spec may change in which state. */
import type { VmState } from "./vm-state.ts";

/** The guest was started from these, and every replica must be started from the same: they hold while there is a guest. */
const OF_THE_GUEST = ["/spec/image", "/spec/machine", "/spec/cmdline"];

export const STATES_WITHOUT_GUEST = ["stopped", "failed"] as const satisfies readonly VmState[];

/** @returns those of `pointers` that cannot change while the VM is in this state */
export function fixedIn(state: VmState, pointers: readonly string[]): readonly string[] {
  if (STATES_WITHOUT_GUEST.some((without) => without === state)) return [];
  return pointers.filter((pointer) => OF_THE_GUEST.some((fixed) => pointer === fixed || pointer.startsWith(`${fixed}/`)));
}
