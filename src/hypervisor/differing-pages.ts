/**
 * Finds the pages in which two replicas differ, from the pages that each has changed since the last instant at which they were equal.
 */
import type { PageChanges } from "../engine/page-hashes.ts";

/** u64 words of a page in `PageChanges`: its number, its hash before, its hash now. */
const WORDS = 3;

export interface DifferingPage {
  /** As `PageChanges` numbers pages. */
  readonly page: bigint;
  /** Hash on the primary. */
  readonly expected: bigint;
  /** Hash on the backup. */
  readonly actual: bigint;
}

interface Change {
  readonly before: bigint;
  readonly now: bigint;
}

/**
 * @param ours what the primary changed since both were equal, oldest first
 * @param theirs what the backup changed since then, in pieces
 * @returns in ascending order of pages
 */
export function differingPages(ours: readonly PageChanges[], theirs: readonly PageChanges[]): readonly DifferingPage[] {
  const expected = merge(ours);
  const actual = merge(theirs);
  const differing: DifferingPage[] = [];
  for (const page of new Set([...expected.keys(), ...actual.keys()])) {
    const here = expected.get(page);
    const there = actual.get(page);
    // Who did not change a page has it as both had it: as the other one had it before.
    const difference = { page, expected: here?.now ?? there?.before ?? 0n, actual: there?.now ?? here?.before ?? 0n };
    if (difference.expected !== difference.actual) differing.push(difference);
  }
  return differing.sort((a, b) => (a.page < b.page ? -1 : 1));
}

function merge(parts: readonly PageChanges[]): Map<bigint, Change> {
  const merged = new Map<bigint, Change>();
  for (const changes of parts) {
    for (let at = 0; at < changes.length; at += WORDS) {
      const [page, before, now] = changes.subarray(at, at + WORDS) as unknown as [bigint, bigint, bigint];
      merged.set(page, { before: merged.get(page)?.before ?? before, now });
    }
  }
  return merged;
}
