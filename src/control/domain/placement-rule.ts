/** Where replicas of a VM may be: `spec.placement`. */
import { type LabelRequirement, meets, parseLabelSelector } from "./label-selector.ts";

export const PLACEMENT_DOMAINS = ["worker", "host", "zone"] as const;
export type PlacementDomain = (typeof PLACEMENT_DOMAINS)[number];

export interface PlacementRule {
  /** Of the labels that workers must have; null: any worker. */
  readonly workerSelector: string | null;
  /** Of which one must be the worker's; none: any, and workers of no zone. */
  readonly zones: readonly string[];
  readonly antiAffinity: {
    /** No two replicas share one. */
    readonly domain: PlacementDomain;
    /** `preferred`: they may, where there is no other place; but never a worker. */
    readonly policy: "required" | "preferred";
  };
}

export const DEFAULT_PLACEMENT: PlacementRule = {
  workerSelector: null,
  zones: [],
  antiAffinity: { domain: "worker", policy: "required" },
};

export function placementRuleOf({ placement }: { readonly placement?: PlacementRule }): PlacementRule {
  return placement ?? DEFAULT_PLACEMENT;
}

export interface Place {
  readonly host: string;
  readonly zone: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

export function isAllowed({ workerSelector, zones, antiAffinity }: PlacementRule, { zone, labels }: Place): boolean {
  // Nothing would be known to be in another one.
  if (zone === null && antiAffinity.domain === "zone" && antiAffinity.policy === "required") return false;
  if (zones.length > 0 && (zone === null || !zones.includes(zone))) return false;
  return selectorOf(workerSelector).every((requirement) => meets(labels, requirement));
}

/** Whether two replicas on different workers are as far apart as they must be. A zone that nobody has told may be any. */
export function areApart({ antiAffinity: { domain, policy } }: PlacementRule, a: Pick<Place, "host" | "zone">, b: typeof a): boolean {
  if (policy === "preferred" || domain === "worker") return true;
  return domain === "host" ? a.host !== b.host : a.zone !== null && b.zone !== null && a.zone !== b.zone;
}

/** One that cannot be read was checked when it was written, by a version that could: it holds for no worker. */
function selectorOf(text: string | null): readonly LabelRequirement[] {
  if (text === null || text === "") return [];
  return parseLabelSelector(text) ?? [{ kind: "exists", key: "" }];
}
