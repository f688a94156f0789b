/**
 * Opens the logging channel that a `pair` order asks for.
 *
 *     ordered --> dialling --welcome--> attached
 *                  |    ^
 *                  |    '-- not there yet: the backup's worker has its own order still to come
 *                  '-- refused for good, or too long: given up; the control plane orders again if it still wants it
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ControlMessage } from "../wire/control-messages.ts";
import type { WorkerLog } from "./log.ts";
import { ChannelRefused, dialLoggingChannel, type LoggingChannelSocket, type SecurePeer } from "./logging-channel-socket.ts";

const GIVE_UP_AFTER_MS = 10_000;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 500;

type BackupAddress = Extract<ControlMessage, { type: "pair" }>["backup"];

interface PairingOrder {
  readonly vmId: string;
  readonly replicaId: string;
  readonly backup: BackupAddress;
  readonly buildDigest: string;
  /** Looked at anew for each attempt; null: it is dialled in plain. */
  readonly secure: (() => Promise<SecurePeer>) | null;
  readonly onOpen: (channel: LoggingChannelSocket) => void;
  readonly log: WorkerLog;
}

export class PairingDialler {
  /** By primary: the backups that are being dialled for it. */
  private readonly dialling = new Map<string, Map<string, AbortController>>();

  /** Idempotent: an order that is being carried out goes on. */
  pair(order: PairingOrder): void {
    const { replicaId, backup } = order;
    const ofPrimary = this.dialling.get(replicaId) ?? new Map<string, AbortController>();
    if (ofPrimary.has(backup.replicaId)) return;
    const abort = new AbortController();
    ofPrimary.set(backup.replicaId, abort);
    this.dialling.set(replicaId, ofPrimary);
    void this.dial(order, abort.signal).then((channel) => {
      ofPrimary.delete(backup.replicaId);
      if (channel === null) return;
      if (abort.signal.aborted) channel.close();
      else order.onOpen(channel);
    });
  }

  cancel(replicaId: string): void {
    for (const abort of this.dialling.get(replicaId)?.values() ?? []) abort.abort();
    this.dialling.delete(replicaId);
  }

  cancelBackup(replicaId: string, backup: string): void {
    this.dialling.get(replicaId)?.get(backup)?.abort();
  }

  cancelAll(): void {
    for (const replicaId of [...this.dialling.keys()]) this.cancel(replicaId);
  }

  private async dial(
    { vmId, replicaId, backup, buildDigest, secure, log }: PairingOrder,
    signal: AbortSignal,
  ): Promise<LoggingChannelSocket | null> {
    const giveUpAt = performance.now() + GIVE_UP_AFTER_MS;
    const hello = { vmId, from: replicaId, to: backup.replicaId, channelSecret: backup.channelSecret, buildDigest };
    for (let retryMs = RETRY_FIRST_MS; !signal.aborted; retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)) {
      try {
        return await dialLoggingChannel(backup.address, hello, signal, secure === null ? null : await secure());
      } catch (error) {
        if (signal.aborted) return null;
        const forGood = error instanceof ChannelRefused && error.refusal !== "unknown_replica";
        if (forGood || performance.now() > giveUpAt) {
          log.error(
            { peer: backup.replicaId, address: backup.address, err: error },
            "pairing given up: the backup's worker cannot be reached",
          );
          return null;
        }
        log.debug({ peer: backup.replicaId, err: error }, "the backup's worker is not ready, dialling again");
      }
      await delay(retryMs, undefined, { signal }).catch(() => {});
    }
    return null;
  }
}
