/** Which worker a VM's next replica would be promised to, by everything that is known of the workers now. */
import type { PlanFacts } from "../db/queries/plan-facts.ts";
import type { ReplicaRow, VmRow } from "../db/schema.ts";
import { type Placement, place } from "../domain/placement.ts";
import { placementRuleOf } from "../domain/placement-rule.ts";
import { isWrittenOff } from "../domain/replica-facts.ts";
import type { ControlSettings } from "../settings.ts";
import type { WorkerRegistry } from "../workers/worker-registry.ts";

export interface ChoiceOptions {
  readonly workers: WorkerRegistry;
  readonly settings: Pick<ControlSettings, "vcpusPerCore">;
}

/**
 * @param rows the VM's replicas
 * @param only the one worker that will do; null: any
 */
export function chooseWorker(
  { workers, settings }: ChoiceOptions,
  facts: Pick<PlanFacts, "workers" | "replicas">,
  vm: Pick<VmRow, "spec" | "primaryReplica">,
  rows: readonly ReplicaRow[],
  only: string | null,
): Placement {
  const known = new Set(facts.replicas.map((replica) => replica.id));
  // Memory that a worker has not given back is not promised again, though no table speaks of it.
  const holdsUnknown = (workerId: string) => [...(workers.link(workerId)?.reports.keys() ?? [])].some((id) => !known.has(id));
  const primary = rows.find((row) => row.id === vm.primaryReplica);
  return place(
    {
      ...vm.spec.machine,
      taken: rows.map((row) => row.workerId),
      staying: rows.filter((row) => isStaying(row, facts)).map((row) => row.workerId),
      buildDigest: primary === undefined ? null : (workers.link(primary.workerId)?.hello.buildDigest ?? null),
      only,
      rule: placementRuleOf(vm.spec),
    },
    facts.workers.map(({ worker, promisedMiB, promisedVcpus, replicas }) => ({
      id: worker.id,
      name: worker.name,
      host: worker.host,
      zone: worker.zone,
      labels: worker.labels,
      ready:
        worker.desiredState === "ready" && workers.linkState(worker.id, worker.incarnation) === "connected" && !holdsUnknown(worker.id),
      buildDigest: worker.buildDigest,
      memoryMiB: worker.memoryMiB,
      promisedMiB,
      vcpus: worker.cores * settings.vcpusPerCore,
      promisedVcpus,
      replicas,
    })),
  );
}

/** One that is gone, or goes as soon as another one has taken its place, keeps nobody away but from its worker. */
function isStaying(row: ReplicaRow, { workers }: Pick<PlanFacts, "workers">): boolean {
  const drained = workers.find(({ worker }) => worker.id === row.workerId)?.worker.desiredState === "drained";
  return !isWrittenOff(row) && row.wanted === "here" && !drained;
}
