/** An event as the public contract shows it. */
import type { EventRow } from "../db/schema.ts";
import type { Event } from "../schemas/event.ts";

export function presentEvent(row: EventRow): Event {
  return {
    seq: row.seq.toString(),
    id: row.id,
    type: row.type,
    time: row.time.toISOString(),
    project: row.project,
    vmId: row.vmId,
    term: row.term === null ? null : Number(row.term),
    cause: row.cause,
    actor: { ...row.actor },
    operationId: row.operationId,
    requestId: row.requestId,
    data: row.data,
  };
}
