/** Workers with the memory and the processors that are promised on each. */
import { and, asc, eq, or, sql } from "drizzle-orm";
import type { LabelRequirement } from "../../domain/label-selector.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Queryable } from "../database.ts";
import { type WorkerRow, workers } from "../schema.ts";
import { labelConditions } from "./label-conditions.ts";

export interface WorkerUse {
  readonly worker: WorkerRow;
  readonly promisedMiB: number;
  readonly promisedVcpus: number;
  readonly replicas: number;
}

const promised = sql<string>`(SELECT coalesce(sum(memory_mib), 0) FROM replicas WHERE worker_id = workers.id AND gone_at IS NULL)`;
const promisedVcpus = sql<string>`(
  SELECT coalesce(sum((v.spec->'machine'->>'vcpus')::integer), 0) FROM replicas r JOIN vms v ON v.id = r.vm_id
  WHERE r.worker_id = workers.id AND r.gone_at IS NULL)`;
const held = sql<string>`(SELECT count(*) FROM replicas WHERE worker_id = workers.id AND gone_at IS NULL)`;

export interface WorkerPage {
  readonly items: readonly WorkerUse[];
  /** Name of the last one, where more follow. */
  readonly next: string | null;
}

/** All of them, by name. */
export async function listWorkers(db: Queryable): Promise<WorkerUse[]> {
  const rows = await db.select({ worker: workers, promised, promisedVcpus, held }).from(workers).orderBy(asc(workers.name));
  return rows.map(toUse);
}

/** By name, byte by byte. @param after name of the last worker of the page before */
export async function pageOfWorkers(
  db: Queryable,
  selector: readonly LabelRequirement[],
  after: string | null,
  pageSize: number,
): Promise<WorkerPage> {
  const conditions = labelConditions(workers.labels, selector);
  if (after !== null) conditions.push(sql`${workers.name} COLLATE "C" > ${after}`);
  const rows = await db
    .select({ worker: workers, promised, promisedVcpus, held })
    .from(workers)
    .where(and(...conditions))
    .orderBy(sql`${workers.name} COLLATE "C"`)
    .limit(pageSize + 1);
  const items = rows.slice(0, pageSize).map(toUse);
  return { items, next: rows.length > pageSize ? (items.at(-1)?.worker.name ?? null) : null };
}

/** @throws {ApiError} `worker_not_found` */
export async function readWorker(db: Queryable, ref: string): Promise<WorkerUse> {
  const [row] = await db
    .select({ worker: workers, promised, promisedVcpus, held })
    .from(workers)
    .where(or(eq(workers.id, ref), eq(workers.name, ref)));
  if (row === undefined)
    throw new ApiError("worker_not_found", `Cannot find the worker "${ref}": GET /v1/workers lists those that have joined`);
  return toUse(row);
}

function toUse(row: { worker: WorkerRow; promised: string; promisedVcpus: string; held: string }): WorkerUse {
  const { worker, promised: memory, promisedVcpus: vcpus, held: replicas } = row;
  return { worker, promisedMiB: Number(memory), promisedVcpus: Number(vcpus), replicas: Number(replicas) };
}
