/**
 * The arbiter's rules: which change of a VM's term is granted, by the row as it is under its lock.
 *
 *     create --addBackup--> synced {b} --promote(b)--> synced {} --addBackup--> ...
 *                                 '----goSolo(b)-----> synced {}
 *
 * - `promote`: the asker is in the synced set now, and nobody else became primary since the term it asks with. Membership is
 *   what makes it safe; the term may be behind, as the primary may die before it could tell a newcomer. A refusal is final.
 * - `goSolo`: the asker is primary in this term, or in the one before its own `addBackup`. It moves the term even where the
 *   backup is not in the set: what is only late must not be carried out after it.
 * - `addBackup`: the asker is primary in this term, and the backup is a candidate that can be reached.
 * - What was carried out already for the same asker is granted again, with the term that it led to.
 */
export type TermChange = { readonly vmId: string; readonly asker: string; readonly term: bigint } & (
  | { readonly kind: "promote" }
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
}

export type TermDecision = "change" | "repeat" | "refuse";

export function decideTermChange(vm: TermFacts, change: TermChange): TermDecision {
  if (wasCarriedOut(vm, change)) return "repeat";
  return mayChange(vm, change) ? "change" : "refuse";
}

function mayChange(vm: TermFacts, change: TermChange): boolean {
  switch (change.kind) {
    case "promote":
      return (
        vm.wanted &&
        vm.primaryReplica !== change.asker &&
        vm.synced.includes(change.asker) &&
        change.term <= vm.term &&
        change.term >= vm.primarySinceTerm
      );
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
