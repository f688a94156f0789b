/**
 * The arbiter's rules: which change of a VM's term is granted, by the row as it is under its lock.
 *
 *     create --addBackup--> synced {b} --promote(b)--> synced {} --addBackup--> ...
 *                               |  '----goSolo(b)----> synced {}
 *                               v
 *                           synced {b, c} --promote(b)--> synced {c}: c follows b
 *
 * - `promote`: the asker is in the synced set now, and nobody else became primary since the term it asks with. Membership is
 *   what makes it safe; the term may be behind, as the primary may die before it could tell a newcomer. A refusal is final.
 *   The others who are heard of stay members: nothing leaves the heir that they have not acknowledged, or been let go before.
 *   Whoever of them asks in a term before that promotion is told to follow, or is promoted where the heir is gone; that this is
 *   wrong costs a promotion, no byte.
 * - `goSolo`: the asker is primary in this term, or in the one before its own `addBackup`. It moves the term even where the
 *   backup is not in the set: what is only late must not be carried out after it.
 * - `addBackup`: the asker is primary in this term, and the backup is a candidate that can be reached.
 * - Nothing is granted to a replica on a fenced worker: an operator has said that nothing of that is heard.
 * - What was carried out already for the same asker is granted again, with the term that it led to.
 */
export type TermChange = {
  readonly vmId: string;
  readonly asker: string;
  readonly term: bigint;
} /** `keeps`: of the other members, those whom it would go on with. None, for a replica of a worker of an older version. */ & (
  | { readonly kind: "promote"; readonly keeps: (member: string) => boolean }
  | { readonly kind: "goSolo"; readonly lost: string; readonly reason: string }
  | { readonly kind: "addBackup"; readonly backup: string }
);

export interface TermFacts {
  readonly term: bigint;
  readonly primaryReplica: string | null;
  /** The term in which the present primary became it. */
  readonly primarySinceTerm: bigint;
  readonly synced: readonly string[];
  readonly transition: { readonly kind: TermChange["kind"] | "create"; readonly by: string | null; readonly replica: string | null };
  /** False: the guest is over, or is being ended. */
  readonly wanted: boolean;
  /** `addBackup`: the backup belongs to the VM, was not given up, and its worker can be reached. */
  readonly isCandidate: boolean;
  /** `promote`: the primary's replica is not heard of any more, or said that it has ended. */
  readonly primaryIsGone: boolean;
  /** The asker's worker is fenced. */
  readonly askerIsCutOff: boolean;
}

export type TermDecision = "change" | "repeat" | "refuse" | "follow";

export function decideTermChange(vm: TermFacts, change: TermChange): TermDecision {
  if (vm.askerIsCutOff) return "refuse";
  if (wasCarriedOut(vm, change)) return "repeat";
  if (!mayChange(vm, change)) return "refuse";
  return change.kind === "promote" && change.term < vm.primarySinceTerm && !vm.primaryIsGone ? "follow" : "change";
}

function mayChange(vm: TermFacts, change: TermChange): boolean {
  switch (change.kind) {
    case "promote":
      return vm.wanted && vm.primaryReplica !== change.asker && vm.synced.includes(change.asker) && change.term <= vm.term;
    case "goSolo": {
      const ownAddition = vm.transition.kind === "addBackup" && vm.transition.by === change.asker && vm.term === change.term + 1n;
      return vm.primaryReplica === change.asker && (vm.term === change.term || ownAddition);
    }
    case "addBackup":
      return (
        vm.wanted &&
        vm.primaryReplica === change.asker &&
        vm.term === change.term &&
        vm.isCandidate &&
        change.backup !== change.asker &&
        !vm.synced.includes(change.backup)
      );
  }
}

/** The synced set once the change is made. */
export function syncedAfter(synced: readonly string[], change: TermChange): readonly string[] {
  switch (change.kind) {
    case "promote":
      return synced.filter((id) => id !== change.asker && change.keeps(id));
    case "goSolo":
      return synced.filter((id) => id !== change.lost);
    case "addBackup":
      return [...synced, change.backup];
  }
}

/** The newest transition is this very request, asked again because its answer was lost. */
function wasCarriedOut(vm: TermFacts, change: TermChange): boolean {
  const { kind, by, replica } = vm.transition;
  if (kind !== change.kind || by !== change.asker || vm.primaryReplica !== change.asker || change.term >= vm.term) return false;
  switch (change.kind) {
    case "promote":
      return true;
    case "goSolo":
      return replica === change.lost && vm.term - change.term <= 2n;
    case "addBackup":
      return replica === change.backup && vm.term - change.term === 1n;
  }
}
