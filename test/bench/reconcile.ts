/**
 * `reconcile`: from a worker's death to every one of its 100 VMs being protected again. The workers are scripted: replicas are metadata
 * alone, promoted, left alone and paired as soon as the control plane says so; what is measured is detection, arbitration, placement and
 * reporting.
 */
import { loadavg } from "node:os";
import { ControlUnderTest } from "../control/support/control-under-test.ts";
import { TestPostgres } from "../control/support/database.ts";
import type { ScriptedWorker } from "../control/support/scripted-worker.ts";
import type { Figure } from "./bench-line.ts";

const VMS = 100;
const AT_ONCE = 8;
const MEMORY_MIB = 64 * 1024;
/** As an installation has them. */
const SETTINGS = { workerLostMs: 2000, vmLostMs: 10_000, tickMs: 250, repeatOrderMs: 2000 };
const UNLIMITED = { rateLimitBurst: 1e6, rateLimitPerSecond: 1e6 };

export async function* reconcile(): AsyncGenerator<Figure> {
  const postgres = await TestPostgres.start({ binaries: null, durable: true });
  const control = await ControlUnderTest.start({ connection: await postgres.newDatabase(), settings: { ...SETTINGS, ...UNLIMITED } });
  try {
    const [doomed] = [await control.join("doomed", { memoryMiB: MEMORY_MIB }), await control.join("witness", { memoryMiB: MEMORY_MIB })];
    const names = Array.from({ length: VMS }, (_, index) => `vm-${index}`);
    const todo = [...names];
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
          await control.createVm(name);
          const { status } = await control.waitFor(name, "protected");
          tellBackups(control.workers, status.term, status.replicas);
        }
      }),
    );
    for (const name of ["third", "fourth"]) await control.join(name, { memoryMiB: MEMORY_MIB });
    const lost = [...doomed.reports.values()].map(({ vmId, role, replicaId, synced }) => ({ vmId, role, replicaId, synced: [...synced] }));
    if (lost.length !== VMS) throw new Error(`the worker that dies holds ${lost.length} replicas, wanted are ${VMS}`);
    const began = performance.now();
    doomed.kill();
    const survivors = control.workers.filter((worker) => worker !== doomed);
    const repaired = await Promise.all(
      lost.map(async (replica) => {
        // The VM is unprotected from this answer on, so that a wait for its protection is one for the next backup.
        await survive(survivors, replica);
        return await control.waitFor(replica.vmId, "protected");
      }),
    );
    // One that is lost is listed until its worker is known to be gone, which may be later than the next backup.
    const left = repaired.filter(({ status }) =>
      status.replicas.some(({ worker, state }) => worker === doomed.workerId && state !== "lost"),
    );
    if (left.length > 0) throw new Error(`${left.length} VMs are protected by the worker that died`);
    const tookMs = performance.now() - began;
    yield {
      bench: "reconcile",
      name: "worker-death",
      unit: "ms",
      value: tookMs,
      n: VMS,
      better: "lower",
      detail: {
        replicas: "metadata only, on scripted workers",
        primariesLost: lost.filter(({ role }) => role === "primary").length,
        load: Number(loadavg()[0]?.toFixed(1)),
      },
    };
  } finally {
    await control.close();
    await postgres.stop();
  }
}

/** What primaries tell their backups on the logging channel. */
function tellBackups(
  workers: readonly ScriptedWorker[],
  term: number,
  replicas: readonly { readonly id: string; readonly role: string }[],
): void {
  for (const { id, role } of replicas)
    for (const worker of workers) if (role === "backup" && worker.reports.has(id)) worker.report(id, { state: "live", term: String(term) });
}

interface LostReplica {
  readonly vmId: string;
  readonly role: string;
  readonly replicaId: string;
}

/** As the peer of a replica that died: a backup asks to be primary, a primary asks to go on alone. */
async function survive(survivors: readonly ScriptedWorker[], lost: LostReplica): Promise<void> {
  for (const worker of survivors) {
    for (const { vmId, replicaId, role, term } of worker.reports.values()) {
      if (vmId !== lost.vmId) continue;
      if (role === "backup") {
        const answer = await worker.promote(replicaId);
        if (answer.outcome !== "granted") throw new Error(`${vmId} may not take over: ${JSON.stringify(answer)}`);
      } else {
        const answer = await worker.ask(vmId, replicaId, { kind: "goSolo", term, lost: lost.replicaId, reason: "connection_lost" });
        if (answer.outcome !== "granted") throw new Error(`${vmId} may not go on alone: ${JSON.stringify(answer)}`);
        worker.report(replicaId, { synced: [], term: answer.term });
      }
      return;
    }
  }
  throw new Error(`nobody holds ${lost.vmId}`);
}
