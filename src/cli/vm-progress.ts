/** Waits for a VM, and shows on stderr how it gets there. */
import type { Vm, VmResource, WaitTarget } from "../sdk/index.ts";
import { type ProgressReport, progressPrinter } from "./progress.ts";
import type { Shell } from "./shell.ts";

type Transfer = NonNullable<VmResource["status"]["replicas"][number]["transfer"]>;

export async function waitShown(shell: Shell, vm: Vm, target: WaitTarget, timeoutMs: number): Promise<void> {
  const progress = progressPrinter(shell);
  try {
    await vm.waitFor(target, { timeoutMs, signal: shell.signal, onProgress: (now) => progress.show(reportOf(now)) });
  } finally {
    progress.end();
  }
}

function reportOf({ status }: VmResource): ProgressReport {
  const { state, protection, replicas } = status;
  const joining = replicas.find(({ transfer }) => transfer);
  if (joining?.transfer) {
    const message = `${protection.state}: state to ${joining.workerName}, ${transferText(joining.transfer, joining.joinProgress)}`;
    return { step: state, message, fraction: joining.joinProgress };
  }
  const why = protection.reason === null ? "" : ` (${protection.reason})`;
  return { step: state, message: `${state}, ${protection.state}${why}`, fraction: null };
}

/** `43 %, round 2: 350 pages left`, and what the guest is slowed to where it is. */
export function transferText({ round, remainingPages, guestShare }: Transfer, progress: number | null): string {
  const slowed = guestShare < 90 ? `, the guest slowed to ${guestShare} %` : "";
  return `${Math.floor(100 * (progress ?? 0))} %, round ${round}: ${remainingPages} pages left${slowed}`;
}
