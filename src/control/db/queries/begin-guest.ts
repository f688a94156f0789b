/**
 * Readies a VM for another guest, as it was when it was created, in a term of its own: replicas of older terms can become nothing.
 *
 * Its console goes on where the guest before has ended. Where that is not known for certain, because a worker was lost with what it
 * had let out last, it goes on so far beyond that no offset names two bytes.
 */
import { sql } from "drizzle-orm";
import type { Transaction } from "../database.ts";
import type { VmRow } from "../schema.ts";
import { originOf } from "./begin-operation.ts";

/** No guest writes so much between two reports of its worker. */
const CONSOLE_SKIP_BYTES = 2 ** 32;

/** @param vm its row, locked; written by the same transaction are its state and its event */
export async function beginGuest(tx: Transaction, vm: VmRow): Promise<{ readonly term: bigint }> {
  // By the call that this is for; a guest that is reset is over only later.
  const origin = originOf(tx.call);
  const { rows } = await tx.db.execute<{ term: string }>(sql`
    UPDATE vms SET term = term + 1, guest_term = term + 1, guest_began_at = now(), primary_since_term = term + 1,
      primary_replica = NULL, synced = '{}', transition_kind = 'create', transition_by = NULL, transition_replica = NULL,
      instant = 0, divergence = NULL, stop_grace_ms = NULL,
      console_base = console_end + CASE WHEN console_settled OR primary_replica IS NULL THEN 0 ELSE ${CONSOLE_SKIP_BYTES}::bigint END,
      console_end = console_end + CASE WHEN console_settled OR primary_replica IS NULL THEN 0 ELSE ${CONSOLE_SKIP_BYTES}::bigint END,
      console_settled = false,
      repair_origin = coalesce(${origin === null ? null : JSON.stringify(origin)}::jsonb, (
        SELECT jsonb_build_object('requestId', request_id, 'traceparent', traceparent) FROM operations
        WHERE operations.id = vms.operation_id AND traceparent IS NOT NULL))
    WHERE id = ${vm.id}
    RETURNING term`);
  return { term: BigInt(rows[0]?.term ?? 0) };
}
