/** Invariant 4: whoever could be promoted holds every record that a released output, or an acknowledged input, depends on. */
import type { TermRow } from "../arbiter.ts";
import { Violation } from "./violation.ts";

export class SyncedHoldsRecords {
  /** The newest record that anything outside depends on. */
  private needed = -1n;

  constructor(private readonly heldEpoch: (replica: string) => bigint) {}

  released(replica: string, epoch: bigint, row: TermRow): void {
    if (epoch <= this.needed) return;
    this.needed = epoch;
    this.check(row, `${replica} lets out what epoch ${epoch} made`);
  }

  membersChanged(row: TermRow): void {
    this.check(row, `term ${row.term} begins`);
  }

  private check(row: TermRow, when: string): void {
    this.member(row.primary, when);
    for (const member of row.synced) this.member(member, when);
  }

  private member(member: string, when: string): void {
    const held = this.heldEpoch(member);
    if (held < this.needed)
      throw new Violation(
        "synced set holds records",
        `${when}; ${member} may be promoted and holds the log to ${held}, needed is ${this.needed}`,
      );
  }
}
