/** The protected VM that a fresh installation comes with, and what becomes of it over restarts of the whole installation. */
import { ConflictError, type Understudy, type Vm, VmNotFoundError } from "../../sdk/index.ts";
import { DEFAULT_IMAGE } from "./guest-image.ts";

export const DEMO_VM = "demo";
const MEMORY_MIB = 256;

export interface DemoVmOptions {
  /** Replicas that were heard of last before this are of an earlier run. */
  readonly startedAt: Date;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/**
 * The VM `demo`, protected. Replicas are processes' memory: when all workers were stopped, what the old one held is gone, and
 * a new one takes its name.
 */
export async function ensureDemoVm(client: Understudy, options: DemoVmOptions): Promise<Vm> {
  const { signal, onNote } = options;
  const existing = await client.vms.get(DEMO_VM, { signal }).catch((error: unknown) => {
    if (error instanceof VmNotFoundError) return null;
    throw error;
  });
  if (existing !== null) {
    if (await isAlive(existing, options)) return await existing.waitFor("protected", options);
    onNote(`The VM "${DEMO_VM}" of the last run is ${existing.status.state}: its replicas ended with their workers. Creating it anew`);
    await (await existing.delete({ signal })).result({ timeoutMs: options.timeoutMs, signal });
  }
  onNote(`Booting Debian in the VM "${DEMO_VM}" (${MEMORY_MIB} MiB), on two workers in lockstep`);
  const created = await client.vms.create({ name: DEMO_VM, image: DEFAULT_IMAGE, machine: { memoryMiB: MEMORY_MIB } }, { signal });
  return await created.waitFor("protected", options);
}

/** True where a replica of this VM runs in a worker of this run; waits where the service does not know yet. */
async function isAlive(vm: Vm, options: DemoVmOptions): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    const { state, replicas } = vm.status;
    if (!["provisioning", "starting", "running"].includes(state)) return false;
    const heard = replicas.some(
      (replica) => replica.state === "live" && replica.lastHeartbeatAt !== null && new Date(replica.lastHeartbeatAt) >= options.startedAt,
    );
    if (heard) return true;
    // The service drops replicas of workers that are gone by itself; until then the old state is all it knows.
    const settled = await vm.waitFor("stopped", { timeoutMs: 1_000, signal: options.signal }).catch((error: unknown) => error);
    if (settled instanceof ConflictError || performance.now() >= deadline) {
      await vm.refresh({ signal: options.signal });
      return false;
    }
    options.signal.throwIfAborted();
  }
}
