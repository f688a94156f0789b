/**
 * Invariant 1: at most one replica of a VM releases outputs in a term, the one that the arbiter gave it to, and never one of an
 * older term after a newer one has released anything.
 */
import type { TermRow } from "../arbiter.ts";
import { Violation } from "./violation.ts";

export class OneWriter {
  private readonly writers = new Map<bigint, string>();
  private newestTerm = 0n;

  /** @param isNew bytes that nobody had released before; others are only offered again */
  released(replica: string, term: bigint, isNew: boolean, row: TermRow): void {
    if (!isNew) return;
    const holder = row.holders.get(term);
    if (holder !== replica)
      throw new Violation("one writer", `${replica} releases in term ${term}, which the arbiter gave to ${holder ?? "nobody"}`);
    const writer = this.writers.get(term) ?? replica;
    if (writer !== replica) throw new Violation("one writer", `${writer} and ${replica} release in term ${term}`);
    if (term < this.newestTerm) throw new Violation("one writer", `${replica} releases in term ${term} after term ${this.newestTerm}`);
    this.writers.set(term, replica);
    this.newestTerm = term;
  }
}
