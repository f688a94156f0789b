/**
 * The other backups of a primary that is gone, whom its heir goes on with.
 *
 *     in the synced set --channelOpened: resume sent--> asked --ack: what it lacks is sent--> synced
 *             '------------------- silent, cannot be brought up to date: lost, goSolo asked ---'
 *
 * They hold what had left the old primary, as the heir does, but may have received more of its log, or less. The heir's is what counts:
 * who has executed more than that must begin anew, and who has less gets the rest. Until an heir knows that all of them hold what it
 * began with, nothing leaves it.
 */
import { assert } from "../base/assert.ts";
import type { EpochRecord, LoggingChannelMessage, ReplicaId } from "./messages.ts";

/** What a promoted backup knows of the others. */
export interface Inheritance {
  /** Who is in the synced set beside it. */
  readonly members: readonly ReplicaId[];
  /** Of the newest record. */
  readonly author: ReplicaId;
  /** The newest records that it has executed, without a hole. */
  readonly log: readonly EpochRecord[];
  /** To whom of the members there are channels already. */
  readonly opened: readonly ReplicaId[];
  readonly sinceUs: number;
}

export class Succession {
  private readonly author: ReplicaId;
  private readonly waiting: Set<ReplicaId>;
  /** From before the promotion on, as long as somebody may lack it. */
  private log: EpochRecord[];

  /** @param nextEpoch the first that is the heir's own */
  constructor(
    { author, members, log }: Inheritance,
    private readonly nextEpoch: bigint,
  ) {
    this.author = author;
    this.waiting = new Set(members);
    this.log = members.length === 0 ? [] : [...log];
    const newest = this.log.at(-1);
    assert(newest === undefined || newest.epoch + 1n === nextEpoch, () => `the log before ${nextEpoch} ends with ${newest?.epoch}`);
  }

  /** The heir goes on. */
  recorded(record: EpochRecord): void {
    if (this.waiting.size > 0) this.log.push(record);
  }

  /** Where a member is to go on. */
  resume(): Pick<Extract<LoggingChannelMessage, { kind: "resume" }>, "nextEpoch" | "author"> {
    return { nextEpoch: this.nextEpoch, author: this.author };
  }

  /** @returns the records from epoch `from` on, where `next` is not recorded yet; null: they are not held any more */
  recordsFrom(from: bigint, next: bigint): readonly EpochRecord[] | null {
    if (from === next) return [];
    const records = this.log.filter(({ epoch }) => epoch >= from);
    return records[0]?.epoch === from ? records : null;
  }

  /** It has what it lacked, or is lost. */
  settled(member: ReplicaId): void {
    this.waiting.delete(member);
    if (this.waiting.size === 0) this.log = [];
  }
}
