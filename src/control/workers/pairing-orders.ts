/** What two workers are told so that a primary and a backup of theirs open their logging channel. */
import type { ControlMessage } from "../../wire/control-messages.ts";
import type { ReplicaRow } from "../db/schema.ts";
import type { WorkerLink } from "./worker-link.ts";

interface PairingOrders {
  /** To the backup's worker, first; null: it lets in whoever knows the secret. */
  readonly expectPrimary: ControlMessage | null;
  /** To the primary's worker. */
  readonly pair: ControlMessage;
}

export function pairingOrders(
  by: WorkerLink,
  primaryId: string,
  at: WorkerLink,
  backup: Pick<ReplicaRow, "id" | "channelSecret">,
): PairingOrders {
  const { loggingAddress: address, loggingTls: tls = false } = at.hello;
  const { id: replicaId, channelSecret } = backup;
  const takesHistory = at.reports.get(replicaId)?.console !== undefined;
  const primary = { replicaId: primaryId, workerId: by.worker.id };
  return {
    expectPrimary: tls || at.hello.cutsOff === true ? { type: "expectPrimary", replicaId, primary } : null,
    pair: {
      type: "pair",
      replicaId: primaryId,
      backup: { replicaId, address, channelSecret, workerId: at.worker.id, tls, takesHistory },
    },
  };
}
