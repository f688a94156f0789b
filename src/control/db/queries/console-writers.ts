/** Which console session writes to a VM, and on which control plane it is. */
import { and, eq, sql } from "drizzle-orm";
import type { Database, Queryable } from "../database.ts";
import { type ConsoleWriterRow, consoleWriters } from "../schema.ts";
import { lockVm } from "./plan-facts.ts";

export type ConsoleWriter = Pick<ConsoleWriterRow, "sessionId" | "inputSession" | "controlPlane">;

/**
 * @param by the session that took the right to write, or gave it up, and its token; where another has the right by now, that stays.
 *   `tokenId` null: its control plane is gone
 */
export function recordConsoleWriter(
  database: Database,
  vmId: string,
  writer: ConsoleWriter | null,
  by: { readonly sessionId: string; readonly tokenId: string | null },
): Promise<void> {
  return database.transaction(async (tx) => {
    if ((await lockVm(tx.db, vmId)) === null) return;
    const former = await readConsoleWriter(tx.db, vmId);
    if (writer === null) {
      const { rowCount } = await tx.db
        .delete(consoleWriters)
        .where(and(eq(consoleWriters.vmId, vmId), eq(consoleWriters.sessionId, by.sessionId)));
      if (rowCount === 0) return;
    } else {
      const granted = { ...writer, grantedAt: sql`now()` };
      await tx.db
        .insert(consoleWriters)
        .values({ vmId, ...granted })
        .onConflictDoUpdate({ target: consoleWriters.vmId, set: granted });
    }
    tx.emit({
      type: "vm.console.writer.changed",
      vmId,
      actor: by.tokenId === null ? { type: "system" } : { type: "user", id: by.tokenId },
      cause:
        writer === null ? "released" : former === null ? "granted" : former.inputSession === writer.inputSession ? "resumed" : "takeover",
      data: {
        writer: writer?.sessionId ?? null,
        by: by.sessionId,
        former: former?.sessionId ?? null,
        inputSession: writer?.inputSession ?? null,
      },
    });
  });
}

export async function readConsoleWriters(db: Queryable): Promise<readonly ConsoleWriterRow[]> {
  return await db.select().from(consoleWriters);
}

export async function readConsoleWriter(db: Queryable, vmId: string): Promise<ConsoleWriter | null> {
  const [row] = await db.select().from(consoleWriters).where(eq(consoleWriters.vmId, vmId));
  return row ?? null;
}
