/** Who is attached to consoles: a row for each connection, written by the control plane that has it. */
import { and, asc, eq, notInArray, sql } from "drizzle-orm";
import { USER_ACTION } from "../../domain/events.ts";
import { ApiError } from "../../errors/api-error.ts";
import type { Database, Queryable, Transaction } from "../database.ts";
import { type ConsoleSessionRow, consoleSessions } from "../schema.ts";
import { lockVm } from "./plan-facts.ts";

export type NewConsoleSession = Omit<ConsoleSessionRow, "updatedAt">;

export function recordAttached(database: Database, session: NewConsoleSession): Promise<void> {
  return database.transaction(async (tx) => {
    if ((await lockVm(tx.db, session.vmId)) === null) return;
    await tx.db.insert(consoleSessions).values(session).onConflictDoNothing();
    const { id, vmId, tokenId, mode, subprotocol } = session;
    tx.emit({
      type: "vm.console.attached",
      vmId,
      cause: USER_ACTION,
      actor: { type: "user", id: tokenId },
      data: { session: id, mode, subprotocol },
    });
  });
}

/** @param why close code and reason of the connection */
export function recordDetached(
  database: Database,
  { id, vmId, tokenId }: Pick<ConsoleSessionRow, "id" | "vmId" | "tokenId">,
  why: { readonly code: number; readonly reason: string },
): Promise<void> {
  return database.transaction(async (tx) => {
    if ((await lockVm(tx.db, vmId)) === null) return;
    const { rowCount } = await tx.db.delete(consoleSessions).where(eq(consoleSessions.id, id));
    // Somebody has ended it, and said so.
    if (rowCount === 0) return;
    tx.emit({
      type: "vm.console.detached",
      vmId,
      cause: "connection_closed",
      actor: { type: "user", id: tokenId },
      data: { session: id, ...why, endedBy: null },
    });
  });
}

/**
 * Ends a session: whichever control plane has the connection closes it when it hears of this.
 *
 * @throws {ApiError} `console_session_not_found`
 */
export async function endConsoleSession(
  tx: Transaction,
  vmId: string,
  id: string,
  by: { readonly tokenId: string; readonly requestId: string },
): Promise<ConsoleSessionRow> {
  await lockVm(tx.db, vmId);
  const [row] = await tx.db
    .delete(consoleSessions)
    .where(and(eq(consoleSessions.id, id), eq(consoleSessions.vmId, vmId)))
    .returning();
  if (row === undefined) {
    throw new ApiError("console_session_not_found", `Cannot end the console session "${id}": nobody is attached to this VM by that id`);
  }
  tx.emit({
    type: "vm.console.detached",
    vmId,
    actor: { type: "user", id: by.tokenId },
    requestId: by.requestId,
    cause: USER_ACTION,
    data: { session: id, code: 4403, reason: "ended", endedBy: by.tokenId },
  });
  return row;
}

export async function listConsoleSessions(db: Queryable, vmId: string): Promise<readonly ConsoleSessionRow[]> {
  return await db
    .select()
    .from(consoleSessions)
    .where(eq(consoleSessions.vmId, vmId))
    .orderBy(asc(consoleSessions.attachedAt), asc(consoleSessions.id));
}

export interface ConsolePosition {
  readonly id: string;
  readonly position: bigint;
  readonly inputSession: string | null;
}

export async function updatePositions(db: Queryable, positions: readonly ConsolePosition[]): Promise<void> {
  if (positions.length === 0) return;
  const rows = positions.map(({ id, position, inputSession }) => ({ id, position: position.toString(), input_session: inputSession }));
  await db.execute(sql`
    UPDATE console_sessions AS s SET position = now_at.position, input_session = now_at.input_session, updated_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS now_at (id text, position bigint, input_session text)
    WHERE s.id = now_at.id`);
}

/** Forgets those of control planes that are gone, and of this one those that it has no more. */
export async function forgetConsoleSessions(
  db: Queryable,
  controlPlane: number,
  present: readonly number[],
  own: readonly string[],
): Promise<void> {
  await db.delete(consoleSessions).where(notInArray(consoleSessions.controlPlane, [...present, controlPlane]));
  const gone = own.length === 0 ? undefined : notInArray(consoleSessions.id, [...own]);
  // One that has just attached is written down by now, or will be.
  await db
    .delete(consoleSessions)
    .where(and(eq(consoleSessions.controlPlane, controlPlane), gone, sql`${consoleSessions.attachedAt} < now() - interval '1 minute'`));
}
