/**
 * Chooses the worker for a replica.
 *
 * Hard: ready, runs the build that the pair runs, holds no replica of the same VM (anti-affinity by worker), and has the
 * memory, counting every promise. Soft, in this order: another host than the VM's other replicas, most free memory,
 * fewest replicas, name.
 */
export interface PlacementWorker {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly ready: boolean;
  readonly buildDigest: string;
  readonly memoryMiB: number;
  readonly promisedMiB: number;
  readonly replicas: number;
}

export interface PlacementRequest {
  readonly memoryMiB: number;
  /** Workers that hold a replica of this VM. */
  readonly taken: readonly string[];
  /** Build that the replica must run; null: any. */
  readonly buildDigest: string | null;
}

export type Placement =
  | { readonly kind: "placed"; readonly worker: PlacementWorker }
  | { readonly kind: "refused"; readonly reason: "no_capacity" | "engine_mismatch" };

export function place(request: PlacementRequest, workers: readonly PlacementWorker[]): Placement {
  const takenHosts = new Set(workers.filter((worker) => request.taken.includes(worker.id)).map((worker) => worker.host));
  const able = workers.filter(
    (worker) => worker.ready && !request.taken.includes(worker.id) && worker.memoryMiB - worker.promisedMiB >= request.memoryMiB,
  );
  const equal = able.filter((worker) => request.buildDigest === null || worker.buildDigest === request.buildDigest);
  const [best] = equal.sort((a, b) => {
    const host = Number(takenHosts.has(a.host)) - Number(takenHosts.has(b.host));
    if (host !== 0) return host;
    const free = b.memoryMiB - b.promisedMiB - (a.memoryMiB - a.promisedMiB);
    if (free !== 0) return free;
    if (a.replicas !== b.replicas) return a.replicas - b.replicas;
    return a.name < b.name ? -1 : 1;
  });
  if (best !== undefined) return { kind: "placed", worker: best };
  return { kind: "refused", reason: able.length > 0 ? "engine_mismatch" : "no_capacity" };
}
