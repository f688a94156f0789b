/** Invariant 3: replicas that executed the same log have the same state at its end, whoever executed it. */
import type { ExecutedEpoch } from "../history.ts";
import { Violation } from "./violation.ts";

export class EqualStates {
  private readonly states = new Map<number, { readonly instant: bigint; readonly hash: bigint; readonly by: string }>();

  executed(replica: string, { digest, endInstant, epoch }: ExecutedEpoch, reachedInstant: bigint, hash: bigint): void {
    if (reachedInstant !== endInstant)
      throw new Violation("equal states", `${replica} ends epoch ${epoch} at ${reachedInstant}, the log at ${endInstant}`);
    const other = this.states.get(digest);
    if (other === undefined) {
      this.states.set(digest, { instant: endInstant, hash, by: replica });
    } else if (other.hash !== hash) {
      throw new Violation("equal states", `at instant ${endInstant}, after epoch ${epoch}, ${replica} has another state than ${other.by}`);
    }
  }
}
