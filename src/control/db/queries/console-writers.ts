/** Which console session writes to a VM, and on which control plane it is. */
import { and, eq, sql } from "drizzle-orm";
import type { Database, Queryable } from "../database.ts";
import { type ConsoleWriterRow, consoleWriters } from "../schema.ts";
import { lockVm } from "./plan-facts.ts";

export type ConsoleWriter = Pick<ConsoleWriterRow, "sessionId" | "inputSession" | "controlPlane">;

/** @param by the session that took the right to write, or gave it up; where another has it by now, that stays */
export function recordConsoleWriter(database: Database, vmId: string, writer: ConsoleWriter | null, by: string): Promise<void> {
  return database.transaction(async (tx) => {
    if ((await lockVm(tx.db, vmId)) === null) return;
    if (writer === null) {
      const { rowCount } = await tx.db.delete(consoleWriters).where(and(eq(consoleWriters.vmId, vmId), eq(consoleWriters.sessionId, by)));
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
      actor: { type: "user", id: by },
      data: { writer: writer?.sessionId ?? null, by },
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
