/**
 * A worker says hello. Another incarnation than the one before means that its process died: every replica it held is gone.
 */
import { eq, sql } from "drizzle-orm";
import type { WorkerHello } from "../../../wire/control-messages.ts";
import { workerStateOf } from "../../domain/worker-state.ts";
import { type Database, newId } from "../database.ts";
import { type WorkerRow, workers } from "../schema.ts";

export function registerWorker(database: Database, hello: WorkerHello): Promise<WorkerRow> {
  return database.transaction(async (tx) => {
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
    const [before] = await tx.db.select().from(workers).where(eq(workers.name, hello.name)).for("update");
    if (before === undefined) {
      const [row] = await tx.db
        .insert(workers)
        .values({ id: newId("wrk"), name: hello.name, ...facts })
        .returning();
      tx.emit({
        type: "worker.joined",
        actor: { type: "worker", id: (row as WorkerRow).id },
        data: { name: hello.name, host: hello.host },
      });
      return row as WorkerRow;
    }
    if (before.incarnation !== hello.incarnation) {
      await tx.db.execute(sql`
        UPDATE replicas SET gone_at = now(), updated_at = now(), state = CASE WHEN state IN ('fenced', 'stopped') THEN state ELSE 'lost' END,
          state_reason = coalesce(state_reason, 'worker_lost')
        WHERE worker_id = ${before.id} AND incarnation <> ${hello.incarnation} AND gone_at IS NULL`);
    }
    const [row] = await tx.db
      .update(workers)
      .set({
        ...facts,
        state: workerStateOf({ ...before, link: "connected", replicas: 1 }),
        updatedAt: sql`now()`,
        lastHeartbeatAt: sql`now()`,
      })
      .where(eq(workers.id, before.id))
      .returning();
    tx.emit({
      type: "worker.joined",
      actor: { type: "worker", id: before.id },
      data: { name: hello.name, host: hello.host, restarted: before.incarnation !== hello.incarnation },
    });
    return row as WorkerRow;
  });
}
