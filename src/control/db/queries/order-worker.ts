/** Writes down what an operator wants of a worker. What follows from it for its replicas is the reconciler's. */
import { eq, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { type DesiredWorkerState, workerStateAfterOrder } from "../../domain/worker-state.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Transaction } from "../database.ts";
import { type OperationRow, type WorkerRow, workers } from "../schema.ts";
import { beginOperation } from "./begin-operation.ts";
import { cancelOperation } from "./end-operation.ts";
import { readOperation } from "./read-operation.ts";

export type WorkerVerb = "cordon" | "uncordon" | "drain" | "fence";

export interface WorkerOrder {
  readonly workerId: string;
  readonly verb: WorkerVerb;
  /** A drain that does not wait until VMs can stay protected. */
  readonly force: boolean;
}

const WANTED: Readonly<Record<WorkerVerb, DesiredWorkerState>> = {
  cordon: "cordoned",
  uncordon: "ready",
  drain: "drained",
  fence: "fenced",
};

/**
 * A second drain is the operation of the first; any other order ends a drain that runs.
 *
 * @throws {ApiError} `invalid_state` for a worker that is fenced
 */
export async function orderWorker(tx: Transaction, { workerId, verb, force }: WorkerOrder): Promise<OperationRow> {
  const [locked] = await tx.db.select().from(workers).where(eq(workers.id, workerId)).for("update");
  const worker = locked as WorkerRow;
  if (worker.desiredState === "fenced" && (verb === "cordon" || verb === "drain")) {
    throw new ApiError("invalid_state", `Cannot ${verb} the worker "${worker.name}": it is fenced; uncordon lets it join again`, {
      details: { currentState: "fenced", allowedStates: ["ready", "cordoned", "draining", "drained", "unknown", "lost"] },
    });
  }
  if (verb === "drain" && worker.desiredState === "drained" && worker.operationId !== null) {
    if (force) await tx.db.update(workers).set({ drainForced: true }).where(eq(workers.id, workerId));
    return readOperation(tx.db, worker.operationId);
  }
  if (worker.operationId !== null) await cancelOperation(tx, worker.operationId);
  const { rows } = await tx.db.execute<{ held: string }>(
    sql`SELECT count(*) AS held FROM replicas WHERE worker_id = ${workerId} AND gone_at IS NULL`,
  );
  const desiredState = WANTED[verb];
  const state = workerStateAfterOrder(worker.state, desiredState, Number(rows[0]?.held));
  const lasts = verb === "drain" && Number(rows[0]?.held) > 0;
  const operation = await beginOperation(tx, { kind: `worker.${verb}`, workerId, done: !lasts });
  const operationId = operation.id;
  await tx.db
    .update(workers)
    .set({
      desiredState,
      state,
      ...(state === worker.state ? {} : { stateSince: sql`now()` }),
      drainForced: verb === "drain" && force,
      operationId: lasts ? operationId : null,
      updatedAt: sql`now()`,
    })
    .where(eq(workers.id, workerId));
  const common = { cause: USER_ACTION, operationId } as const;
  const about = { workerId, name: worker.name };
  if (state !== worker.state) {
    tx.emit({ ...common, type: "worker.state.changed", data: { ...about, from: worker.state, state } });
  }
  if (verb === "drain") tx.emit({ ...common, type: "worker.drain.started", data: { ...about, force } });
  if (verb === "drain" && !lasts) tx.emit({ ...common, type: "worker.drain.completed", data: about });
  if (verb === "fence" && worker.desiredState !== "fenced") tx.emit({ ...common, type: "worker.fenced", data: about });
  tx.emit({ ...common, type: "operation.updated", data: { kind: `worker.${verb}`, state: lasts ? "running" : "succeeded", workerId } });
  return operation;
}
