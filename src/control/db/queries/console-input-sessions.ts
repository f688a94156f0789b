/**
 * Input sessions of consoles, as they outlive connections and control planes.
 *
 *     open --not used for too long, or 64 others were opened after it--> expired: it is not resumed, nor begun anew
 *
 * The machine has the sessions themselves, and forgets the least recently used one over 64. This is how somebody who comes back to
 * such a one is told so, and does not type from the beginning.
 */
import { and, eq, sql } from "drizzle-orm";
import { ApiError } from "../../errors/api-error.ts";
import type { Database, Queryable } from "../database.ts";
import { consoleInputSessions } from "../schema.ts";
import { lockVm } from "./plan-facts.ts";

/** As many as a machine knows. */
const OPEN_MAX = 64;

export function inputSessionExpired(id: string): ApiError {
  return new ApiError(
    "input_session_expired",
    `Cannot go on with input session ${id}: it is not known any more, and what of its bytes the guest has got cannot be told. Open another one`,
  );
}

/**
 * Opens the session, or resumes it.
 *
 * @returns everything below was acknowledged in it
 * @throws {ApiError} `input_session_expired`
 */
export function openInputSession(database: Database, vmId: string, id: string, ttlMs: number): Promise<bigint> {
  return database.transaction(async (tx) => {
    await lockVm(tx.db, vmId);
    const [known] = await tx.db
      .select({
        inputNext: consoleInputSessions.inputNext,
        over: sql<boolean>`${consoleInputSessions.expired} OR ${consoleInputSessions.lastUsedAt} < now() - make_interval(secs => ${ttlMs / 1000})`,
      })
      .from(consoleInputSessions)
      .where(and(eq(consoleInputSessions.vmId, vmId), eq(consoleInputSessions.id, id)));
    if (known?.over === true) throw inputSessionExpired(id);
    await tx.db
      .insert(consoleInputSessions)
      .values({ vmId, id })
      .onConflictDoUpdate({ target: [consoleInputSessions.vmId, consoleInputSessions.id], set: { lastUsedAt: sql`now()` } });
    if (known === undefined) {
      await tx.db.execute(sql`
        UPDATE console_input_sessions SET expired = true WHERE vm_id = ${vmId} AND id IN (
          SELECT id FROM console_input_sessions WHERE vm_id = ${vmId} AND NOT expired AND id <> ${id}
          ORDER BY last_used_at DESC, id OFFSET ${OPEN_MAX - 1})`);
    }
    return known?.inputNext ?? 0n;
  });
}

export interface InputSessionUse {
  readonly vmId: string;
  readonly id: string;
  readonly inputNext: bigint;
}

/** They are in use now, and have come so far. */
export async function touchInputSessions(db: Queryable, uses: readonly InputSessionUse[]): Promise<void> {
  if (uses.length === 0) return;
  const rows = uses.map(({ vmId, id, inputNext }) => ({ vm_id: vmId, id, input_next: inputNext.toString() }));
  await db.execute(sql`
    UPDATE console_input_sessions AS s SET input_next = greatest(s.input_next, used.input_next), last_used_at = now()
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS used (vm_id text, id text, input_next bigint)
    WHERE s.vm_id = used.vm_id AND s.id = used.id`);
}
