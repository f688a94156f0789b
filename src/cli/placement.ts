/** Options that say where a VM's replicas may be, of `vm create` and `vm update`. */
import { Option } from "commander";

const DOMAINS = ["worker", "host", "zone"] as const;
type Domain = (typeof DOMAINS)[number];

export interface PlacementOptions {
  readonly workerSelector?: string;
  readonly zone?: readonly string[];
  readonly apart?: Domain;
}

export function workerSelectorOption(): Option {
  return new Option("--worker-selector <selector>", "only on workers with these labels, as disk=ssd,!retired; '' for any");
}

export function zoneOption(): Option {
  return new Option("--zone <zone>", "only on workers of this zone, may be repeated; '' for any").argParser(
    (zone: string, zones: readonly string[] | undefined): readonly string[] => [...(zones ?? []), ...(zone === "" ? [] : [zone])],
  );
}

export function apartOption(): Option {
  return new Option("--apart <what>", "no two replicas share one: worker (they never do), host or zone").choices([...DOMAINS]);
}

/** As part of a spec: nothing where nothing of it was asked for. */
export function placementOf({ workerSelector, zone, apart }: PlacementOptions): {
  placement?: { workerSelector?: string | null; zones?: string[]; antiAffinity?: { domain: Domain; policy: "required" } };
} {
  const placement = {
    ...(workerSelector === undefined ? {} : { workerSelector: workerSelector === "" ? null : workerSelector }),
    ...(zone === undefined ? {} : { zones: [...zone] }),
    ...(apart === undefined ? {} : { antiAffinity: { domain: apart, policy: "required" as const } }),
  };
  return Object.keys(placement).length === 0 ? {} : { placement };
}
