/**
 * What a verb does to one replica of a VM.
 *
 *     backup  --restart--> dropped, and another one made in its place
 *     backup  --migrate--> another one made elsewhere, then this one dropped
 *     primary --migrate--> a backup elsewhere takes over, then this one is dropped
 *     either  --kill-----> dropped without a word to its VM, as if its process had died
 */
import { hasGuest, type VmState } from "./vm-state.ts";

export const REPLICA_VERBS = ["restart", "migrate", "kill"] as const;
export type ReplicaVerb = (typeof REPLICA_VERBS)[number];

export interface ReplicaVerbFacts {
  readonly vmState: VmState;
  readonly isPrimary: boolean;
  readonly wanted: "here" | "elsewhere" | "gone";
  /** The caller says where the one in its place shall be. */
  readonly hasTarget: boolean;
}

export type ReplicaVerbDecision =
  | { readonly kind: "change"; readonly wanted: "elsewhere" | "gone" }
  /** What it aims at is on its way. */
  | { readonly kind: "join" }
  | { readonly kind: "refuse"; readonly why: string };

export function decideReplicaVerb(verb: ReplicaVerb, facts: ReplicaVerbFacts): ReplicaVerbDecision {
  const { vmState, isPrimary, wanted, hasTarget } = facts;
  if (!hasGuest(vmState) && !(verb === "kill" && vmState === "starting")) return { kind: "refuse", why: `the VM is ${vmState}` };
  const change = verb === "migrate" ? "elsewhere" : "gone";
  if (wanted === change || wanted === "gone") return { kind: "join" };
  if (isPrimary && verb === "restart") return { kind: "refuse", why: "it is the primary: fail over, and restart it as a backup" };
  if (isPrimary && hasTarget)
    return { kind: "refuse", why: "it is the primary, which goes where a backup is: migrate a backup there first" };
  return { kind: "change", wanted: change };
}
