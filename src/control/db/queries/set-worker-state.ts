/** A worker is heard of again, late, or lost. */
import { sql } from "drizzle-orm";
import type { WorkerState } from "../../domain/worker-state.ts";
import type { Database } from "../database.ts";
import type { WorkerRow } from "../schema.ts";

export function setWorkerState(database: Database, worker: WorkerRow, state: WorkerState, lastHeartbeatAt: Date | null): Promise<void> {
  return database.transaction(async (tx) => {
    const { rowCount } = await tx.db.execute(sql`
      UPDATE workers SET state = ${state}, state_since = now(), updated_at = now(), last_heartbeat_at = greatest(last_heartbeat_at, ${lastHeartbeatAt?.toISOString() ?? null}::timestamptz)
      WHERE id = ${worker.id} AND incarnation = ${worker.incarnation} AND state <> ${state}`);
    if ((rowCount ?? 0) === 0) return;
    tx.emit({
      type: "worker.state.changed",
      cause: causeOf(worker.state, state),
      data: { workerId: worker.id, name: worker.name, from: worker.state, state },
    });
  });
}

function causeOf(from: WorkerState, state: WorkerState): string {
  if (state === "unknown" || state === "lost") return "connection_lost";
  if (from === "unknown" || from === "lost") return "connection_restored";
  return state === "drained" ? "drained" : "user_action";
}
