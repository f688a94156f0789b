/**
 * One promotion of a backup, from the question on: whether it waits for the primary to hand over, and how long the guest was silent.
 *
 *     asked --granted--> granted --handed over, not waited for (any more), or cut off--> the backup takes over
 *
 * Where others are in the synced set, they go on as its backups (`Succession`).
 *
 * The spans of the silence are counted from the old primary's last word, wherever that falls: what was over by then is 0. Where the
 * primary hands over, that is after the grant.
 */
import { assert } from "../base/assert.ts";
import type { ReplicaId, ReplicaStatus } from "./messages.ts";

type Spans = Pick<NonNullable<ReplicaStatus["promotion"]>, "detectUs" | "arbitrateUs" | "promoteUs">;

export class Promotion {
  private grant: { readonly term: bigint; readonly synced: readonly ReplicaId[]; readonly atUs: number } | null = null;
  private lastWordUs: number;

  /** @param handOver the primary is asked to end its epoch and hand over once this is granted */
  constructor(
    private handOver: boolean,
    private readonly askedUs: number,
  ) {
    this.lastWordUs = askedUs;
  }

  /** The term that the arbiter has given to it; null: it has not answered. */
  get term(): bigint | null {
    return this.grant?.term ?? null;
  }

  get waitsForHandOver(): boolean {
    return this.handOver;
  }

  /** The synced set of that term. */
  get synced(): readonly ReplicaId[] {
    return this.grant?.synced ?? [];
  }

  granted(term: bigint, synced: readonly ReplicaId[], nowUs: number): void {
    assert(this.grant === null, "a promotion is granted once");
    this.grant = { term, synced, atUs: nowUs };
  }

  /** The primary is not waited for any more. */
  force(): void {
    this.handOver = false;
  }

  /** Nothing more of the old primary will be heard: this was its last word. */
  lastHeard(atUs: number): void {
    this.lastWordUs = atUs;
  }

  /** When a primary that is heard and has not handed over is not waited for any more: its guest does not come to the end of its epoch. */
  handOverDeadlineUs(timeoutUs: number): number {
    return this.grant === null ? Number.POSITIVE_INFINITY : this.grant.atUs + timeoutUs;
  }

  /** @param nowUs it goes live */
  spans(nowUs: number): Spans {
    assert(this.grant !== null, "only the arbiter promotes");
    const silentAskedUs = Math.max(this.lastWordUs, this.askedUs);
    const silentGrantedUs = Math.max(this.lastWordUs, this.grant.atUs);
    return {
      detectUs: silentAskedUs - this.lastWordUs,
      arbitrateUs: silentGrantedUs - silentAskedUs,
      promoteUs: nowUs - silentGrantedUs,
    };
  }
}
