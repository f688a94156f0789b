/** Console tickets: made by a token, redeemed once, by whichever control plane is shown them first. */
import { eq, sql } from "drizzle-orm";
import type { Queryable, Transaction } from "../database.ts";
import { type ConsoleTicketRow, consoleTickets } from "../schema.ts";

export interface NewConsoleTicket {
  readonly secretSha256: string;
  readonly vmId: string;
  readonly tokenId: string;
  readonly mode: "read" | "write";
  readonly ttlMs: number;
}

export async function createConsoleTicket(tx: Transaction, { ttlMs, ...ticket }: NewConsoleTicket): Promise<ConsoleTicketRow> {
  const expiresAt = sql`now() + make_interval(secs => ${ttlMs / 1000})`;
  const [row] = await tx.db
    .insert(consoleTickets)
    .values({ ...ticket, expiresAt })
    .returning();
  return row as ConsoleTicketRow;
}

/** Deleting it is redeeming it, so two of them never succeed. @returns null for one that is not known, was redeemed, or is too old */
export async function redeemConsoleTicket(db: Queryable, secretSha256: string): Promise<ConsoleTicketRow | null> {
  const good = sql<boolean>`${consoleTickets.expiresAt} > now()`;
  const [row] = await db.delete(consoleTickets).where(eq(consoleTickets.secretSha256, secretSha256)).returning({
    secretSha256: consoleTickets.secretSha256,
    vmId: consoleTickets.vmId,
    tokenId: consoleTickets.tokenId,
    mode: consoleTickets.mode,
    expiresAt: consoleTickets.expiresAt,
    good,
  });
  return row?.good === true ? row : null;
}
