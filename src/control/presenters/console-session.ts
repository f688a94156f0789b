/** A console session as the public contract shows it. */
import type { ConsoleSessionRow } from "../db/schema.ts";
import type { ConsoleSession } from "../schemas/console.ts";

/**
 * @param writer session that has the right to write
 * @param end offset after the last byte of the output
 */
export function presentConsoleSession(row: ConsoleSessionRow, writer: string | null, end: bigint): ConsoleSession {
  const lag = end - row.position;
  return {
    id: row.id,
    vmId: row.vmId,
    mode: row.mode,
    writer: row.id === writer,
    subprotocol: row.subprotocol,
    inputSession: row.inputSession,
    tokenId: row.tokenId,
    position: row.position.toString(),
    lagBytes: Number(lag > 0n ? lag : 0n),
    attachedAt: row.attachedAt.toISOString(),
  };
}
