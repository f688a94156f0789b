/** Who a certificate is to be for: the worker of that name, or, where there is none yet, the one that it will be. */
import { eq, sql } from "drizzle-orm";
import { type Database, newId } from "../database.ts";
import { workerIdentities, workers } from "../schema.ts";

export interface IdentifiedWorker {
  readonly workerId: string;
  readonly fenced: boolean;
}

/** @param certifiedId of a certificate that is to be renewed; null: the join token was shown */
export function identifyWorker(database: Database, name: string, certifiedId: string | null): Promise<IdentifiedWorker | null> {
  return database.transaction(async ({ db }) => {
    const [joined] = await db.select().from(workers).where(eq(workers.name, name)).for("update");
    const fenced = joined?.desiredState === "fenced";
    if (certifiedId !== null) {
      const [known] = await db.select().from(workerIdentities).where(eq(workerIdentities.name, name));
      return known?.workerId === certifiedId ? { workerId: certifiedId, fenced } : null;
    }
    const workerId = joined?.id ?? newId("wrk");
    const [row] = await db
      .insert(workerIdentities)
      .values({ name, workerId })
      .onConflictDoUpdate({
        target: workerIdentities.name,
        // A name that has not joined keeps the identity that it was given first.
        set: { certifiedAt: sql`now()`, ...(joined === undefined ? {} : { workerId }) },
      })
      .returning();
    return { workerId: row?.workerId ?? workerId, fenced };
  });
}

/** A worker that was deleted, or is fenced, is not served by the certificate that it still has. */
export async function isRevoked({ db }: Database, workerId: string): Promise<boolean> {
  const [row] = await db
    .select({ desiredState: workers.desiredState })
    .from(workerIdentities)
    .leftJoin(workers, eq(workers.id, workerIdentities.workerId))
    .where(eq(workerIdentities.workerId, workerId));
  return row === undefined || row.desiredState === "fenced";
}
