/**
 * Chooses the worker for a replica.
 *
 * Hard: ready, runs the build that the pair runs, holds no replica of the same VM (anti-affinity by worker), is where the VM's spec allows
 * it (`placement-rule.ts`), and has the memory and the processors, counting every promise. Soft, in this order: another zone than the VM's other replicas, another host, the most that
 * would be left of whichever of memory and processors is scarcer there, fewest replicas, name.
 */
import { areApart, isAllowed, type Place, type PlacementRule } from "./placement-rule.ts";

export interface PlacementWorker extends Place {
  readonly id: string;
  readonly name: string;
  readonly ready: boolean;
  readonly buildDigest: string;
  readonly memoryMiB: number;
  readonly promisedMiB: number;
  /** Virtual processors that it may have promised, and has. */
  readonly vcpus: number;
  readonly promisedVcpus: number;
  readonly replicas: number;
}

export interface PlacementRequest {
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** Workers that hold a replica of this VM. */
  readonly taken: readonly string[];
  /** Of these, those whose replica stays. */
  readonly staying: readonly string[];
  /** Build that the replica must run; null: any. */
  readonly buildDigest: string | null;
  /** The only worker that will do; null: any. */
  readonly only: string | null;
  readonly rule: PlacementRule;
}

export type PlacementRefusal = "no_capacity" | "anti_affinity_unsatisfiable" | "engine_mismatch";

/** In words. */
export const REFUSAL_MESSAGES: Readonly<Record<PlacementRefusal, string>> = {
  no_capacity: "no worker that is ready, and where it may be, besides those of its other replicas, has room for it",
  anti_affinity_unsatisfiable: "whoever has room for it holds a replica of the VM already, or shares what its replicas must not share",
  engine_mismatch: "no worker with room runs the build of the machine that its primary runs",
};

export type Placement =
  | { readonly kind: "placed"; readonly worker: PlacementWorker }
  | { readonly kind: "refused"; readonly reason: PlacementRefusal };

export function place(request: PlacementRequest, workers: readonly PlacementWorker[]): Placement {
  const taken = workers.filter((worker) => request.taken.includes(worker.id));
  const hosts = new Set(taken.map(({ host }) => host));
  const zones = new Set(taken.flatMap(({ zone }) => zone ?? []));
  const able = workers.filter(
    (worker) =>
      worker.ready && (request.only === null || worker.id === request.only) && isAllowed(request.rule, worker) && hasRoom(worker, request),
  );
  const staying = taken.filter(({ id }) => request.staying.includes(id));
  const apart = able.filter(
    (worker) => !request.taken.includes(worker.id) && staying.every((other) => areApart(request.rule, worker, other)),
  );
  const equal = apart.filter((worker) => request.buildDigest === null || worker.buildDigest === request.buildDigest);
  const sharesZone = ({ zone }: PlacementWorker): number => Number(zone !== null && zones.has(zone));
  const [best] = equal.sort(
    (a, b) =>
      sharesZone(a) - sharesZone(b) ||
      Number(hosts.has(a.host)) - Number(hosts.has(b.host)) ||
      leftOver(b, request) - leftOver(a, request) ||
      a.replicas - b.replicas ||
      (a.name < b.name ? -1 : 1),
  );
  if (best !== undefined) return { kind: "placed", worker: best };
  if (apart.length > 0) return { kind: "refused", reason: "engine_mismatch" };
  return { kind: "refused", reason: able.length > 0 ? "anti_affinity_unsatisfiable" : "no_capacity" };
}

function hasRoom(worker: PlacementWorker, { memoryMiB, vcpus }: PlacementRequest): boolean {
  return worker.memoryMiB - worker.promisedMiB >= memoryMiB && worker.vcpus - worker.promisedVcpus >= vcpus;
}

/** Thousandths of what is scarcer on this worker that would be left. */
function leftOver(worker: PlacementWorker, { memoryMiB, vcpus }: PlacementRequest): number {
  const memory = share(worker.memoryMiB - worker.promisedMiB - memoryMiB, worker.memoryMiB);
  return Math.min(memory, share(worker.vcpus - worker.promisedVcpus - vcpus, worker.vcpus));
}

function share(left: number, all: number): number {
  return Math.floor((1000 * left) / all);
}
