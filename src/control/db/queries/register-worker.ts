/**
 * A worker says hello. Another incarnation than the one before means that its process died: every replica it held is gone. A hello
 * of a process that was replaced may still come late, by another control plane: it is not believed.
 */
import { eq, sql } from "drizzle-orm";
import type { WorkerHello } from "../../../wire/control-messages.ts";
import { workerStateOf } from "../../domain/worker-state.ts";
import { type Database, newId } from "../database.ts";
import { type WorkerRow, workerIdentities, workers } from "../schema.ts";

/** How many former processes of a worker are remembered: a connection does not wait to be read for longer than their restarts take. */
const FORMER_MAX = 16;

/** Why a worker is not who it says: its process was replaced, it was deleted, or its certificate is another worker's. */
export type RegistrationRefusal = "replaced" | "certificate_revoked" | "certificate_of_another";

/** @param certifiedId of the worker's certificate; null: it shows none, on a loopback */
export function registerWorker(
  database: Database,
  hello: WorkerHello,
  certifiedId: string | null,
): Promise<WorkerRow | RegistrationRefusal> {
  return database.transaction(async (tx) => {
    const [identity] = await tx.db.select().from(workerIdentities).where(eq(workerIdentities.name, hello.name));
    if (certifiedId !== null && identity?.workerId !== certifiedId) {
      const [another] = await tx.db.select().from(workerIdentities).where(eq(workerIdentities.workerId, certifiedId));
      return another === undefined ? "certificate_revoked" : "certificate_of_another";
    }
    const facts = {
      incarnation: hello.incarnation,
      state: "ready" as const,
      pid: hello.pid,
      host: hello.host,
      zone: hello.zone,
      loggingHost: hello.loggingAddress.host,
      loggingPort: hello.loggingAddress.port,
      memoryMiB: hello.memoryMiB,
      cores: hello.cores,
      version: hello.version,
      nodeVersion: hello.nodeVersion,
      buildDigest: hello.buildDigest,
    };
    const [added] = await tx.db
      .insert(workers)
      .values({ id: identity?.workerId ?? newId("wrk"), name: hello.name, ...facts })
      .onConflictDoNothing({ target: workers.name })
      .returning();
    if (added !== undefined) {
      tx.emit({
        type: "worker.joined",
        cause: "process_started",
        actor: { type: "worker", id: added.id, name: hello.name },
        data: { name: hello.name, host: hello.host },
      });
      return added;
    }
    const [before] = await tx.db.select().from(workers).where(eq(workers.name, hello.name)).for("update");
    if (before === undefined) throw new Error(`worker ${hello.name} was deleted while it said hello`);
    if (before.formerIncarnations.includes(hello.incarnation)) return "replaced";
    if (before.incarnation !== hello.incarnation) {
      await tx.db.execute(sql`
        UPDATE replicas SET gone_at = now(), updated_at = now(), state = CASE WHEN state IN ('fenced', 'stopped') THEN state ELSE 'lost' END,
          state_reason = coalesce(state_reason, 'worker_lost')
        WHERE worker_id = ${before.id} AND incarnation <> ${hello.incarnation} AND gone_at IS NULL`);
    }
    const state = workerStateOf({ ...before, link: "connected", replicas: 1 });
    const [row] = await tx.db
      .update(workers)
      .set({
        ...facts,
        state,
        ...(state === before.state ? {} : { stateSince: sql`now()` }),
        ...(before.incarnation === hello.incarnation
          ? {}
          : { formerIncarnations: [...before.formerIncarnations, before.incarnation].slice(-FORMER_MAX) }),
        updatedAt: sql`now()`,
        lastHeartbeatAt: sql`now()`,
      })
      .where(eq(workers.id, before.id))
      .returning();
    // It says hello to every control plane, and joins once.
    if (before.incarnation !== hello.incarnation || before.state === "unknown" || before.state === "lost") {
      tx.emit({
        type: "worker.joined",
        cause: before.incarnation === hello.incarnation ? "connection_restored" : "process_started",
        actor: { type: "worker", id: before.id, name: hello.name },
        data: { name: hello.name, host: hello.host, restarted: before.incarnation !== hello.incarnation },
      });
    }
    return row as WorkerRow;
  });
}
