/**
 * The arbiter: one row for each VM, changed only by a compare-and-set on its term. The rules are those of `ArbiterRequest` in
 * the hypervisor's messages, as the control plane's `decideTermChange` has them too.
 */
import type { ArbiterRequest, ReplicaId } from "../../src/hypervisor/messages.ts";

interface ArbiterAnswer {
  readonly granted: boolean;
  readonly changed: boolean;
  readonly term: bigint;
}

/** What the database holds of a VM. */
export class TermRow {
  term = 1n;
  primarySinceTerm = 1n;
  readonly synced = new Set<ReplicaId>();
  /** Backups that were told that they will not be promoted, or that belong to an older primary: never added any more. */
  readonly writtenOff = new Set<ReplicaId>();
  /** Who was given each term. */
  readonly holders: Map<bigint, ReplicaId>;
  private transition: { kind: ArbiterRequest["kind"] | "create"; by: ReplicaId | null; replica: ReplicaId | null } = {
    kind: "create",
    by: null,
    replica: null,
  };

  constructor(public primary: ReplicaId) {
    this.holders = new Map([[1n, primary]]);
  }

  isMember(replica: ReplicaId): boolean {
    return this.primary === replica || this.synced.has(replica);
  }

  /** @param isCandidate for `addBackup`: the backup's worker can be reached */
  decide(asker: ReplicaId, request: ArbiterRequest, isCandidate: boolean): ArbiterAnswer {
    if (this.wasCarriedOut(asker, request)) return { granted: true, changed: false, term: this.term };
    if (!this.mayChange(asker, request, isCandidate)) {
      if (request.kind === "promote" && asker !== this.primary) this.writtenOff.add(asker);
      return { granted: false, changed: false, term: this.term };
    }
    this.term++;
    switch (request.kind) {
      case "promote":
        this.writtenOff.add(this.primary);
        for (const member of this.synced) if (member !== asker) this.writtenOff.add(member);
        this.primary = asker;
        this.primarySinceTerm = this.term;
        this.synced.clear();
        break;
      case "goSolo":
        this.synced.delete(request.lost);
        break;
      case "addBackup":
        this.synced.add(request.backup);
        break;
    }
    this.transition = { kind: request.kind, by: asker, replica: replicaOf(asker, request) };
    this.holders.set(this.term, this.primary);
    return { granted: true, changed: true, term: this.term };
  }

  private mayChange(asker: ReplicaId, request: ArbiterRequest, isCandidate: boolean): boolean {
    const { term } = request;
    switch (request.kind) {
      case "promote":
        return this.primary !== asker && this.synced.has(asker) && term <= this.term && term >= this.primarySinceTerm;
      case "goSolo": {
        const ownAddition = this.transition.kind === "addBackup" && this.transition.by === asker && this.term === term + 1n;
        return this.primary === asker && (this.term === term || ownAddition);
      }
      case "addBackup": {
        const { backup } = request;
        const free = !this.synced.has(backup) && !this.writtenOff.has(backup) && backup !== asker;
        return this.primary === asker && this.term === term && isCandidate && free;
      }
    }
  }

  /** The newest transition is this very request, asked again because its answer was lost. */
  private wasCarriedOut(asker: ReplicaId, request: ArbiterRequest): boolean {
    const { kind, by, replica } = this.transition;
    if (kind !== request.kind || by !== asker || this.primary !== asker || request.term >= this.term) return false;
    if (replica !== replicaOf(asker, request)) return false;
    return request.kind === "promote" || this.term - request.term <= (request.kind === "goSolo" ? 2n : 1n);
  }
}

function replicaOf(asker: ReplicaId, request: ArbiterRequest): ReplicaId {
  switch (request.kind) {
    case "promote":
      return asker;
    case "goSolo":
      return request.lost;
    case "addBackup":
      return request.backup;
  }
}
