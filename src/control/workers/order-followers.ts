/**
 * Has a replica that is promoted dial the backups that it goes on with. Nothing leaves it before they hold what it began with, so the
 * orders go out with the arbiter's answer, and not with the reconciler's next pass. Where they are lost it gives those backups up.
 */
import { inArray } from "drizzle-orm";
import type { ControlPlane } from "../control-plane.ts";
import { replicas } from "../db/schema.ts";
import { pairingOrders } from "./pairing-orders.ts";
import type { WorkerLink } from "./worker-link.ts";

export async function orderFollowers({ database, workers, log }: ControlPlane, by: WorkerLink, heir: string, members: readonly string[]) {
  try {
    const { id, vmId, channelSecret } = replicas;
    const rows = await database.db
      .select({ id, vmId, channelSecret })
      .from(replicas)
      .where(inArray(replicas.id, [...members]));
    for (const backup of rows) {
      const at = workers.holderOf(backup.id)?.link;
      if (at === undefined) continue;
      const { expectPrimary, pair } = pairingOrders(by, heir, at, backup);
      if (expectPrimary !== null) at.send(expectPrimary);
      by.send(pair);
      log.info({ vmId: backup.vmId, primary: heir, backup: backup.id }, "the promoted replica goes on with another backup");
    }
  } catch (error) {
    log.warn({ primary: heir, backups: members, err: error }, "the promoted replica does not hear of its backups: it will give them up");
  }
}
