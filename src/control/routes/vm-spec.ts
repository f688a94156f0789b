/** From what a caller asks of a VM to the spec that is stored. */
import type { ImageRow } from "../db/queries/images.ts";
import type { StoredVmSpec } from "../db/schema.ts";
import { DEFAULT_CONSOLE_RETENTION } from "../domain/console-retention.ts";
import { parseLabelSelector } from "../domain/label-selector.ts";
import { MINIMUM_MEMORY_MIB } from "../domain/machine-limits.ts";
import { DEFAULT_PLACEMENT, type PlacementRule } from "../domain/placement-rule.ts";
import { protectionWanted } from "../domain/protection.ts";
import { invalidField } from "../errors/api-error.ts";
import type { VmSpecRequest } from "../schemas/vm.ts";

/** Memory of a VM whose caller did not say, unless its image needs more. */
const DEFAULT_MEMORY_MIB = 128;

/** Of fields that rows of an older version lack. */
export const ADDED_DEFAULTS = {
  placement: DEFAULT_PLACEMENT,
  restartPolicy: "never",
  deletionProtection: false,
  ttlSeconds: null,
  console: DEFAULT_CONSOLE_RETENTION,
} as const;

/**
 * Pins the image and fills in every default.
 *
 * @throws {ApiError} `validation_failed` where the image needs more memory, mode and number of backups contradict each other, or it cannot be
 *   placed like that
 */
export function fillSpec(spec: VmSpecRequest, image: ImageRow, defaultMaxLagMs: number): StoredVmSpec {
  const { minMemoryMiB, cmdline } = image.manifest;
  const memoryMiB = spec.machine?.memoryMiB ?? Math.max(DEFAULT_MEMORY_MIB, minMemoryMiB);
  if (memoryMiB < minMemoryMiB) {
    const floor = Math.max(MINIMUM_MEMORY_MIB, minMemoryMiB);
    throw invalidField("/spec/machine/memoryMiB", "too_small", `this kernel needs at least ${floor} MiB`);
  }
  const protection = protectionWanted(spec.protection ?? {});
  if (protection === null)
    throw invalidField("/spec/protection/backups", "contradiction", "mode none has 0 backups, mode lockstep has 1 or more");
  return {
    image: `${image.name}@${image.digest}`,
    machine: { vcpus: spec.machine?.vcpus ?? 1, memoryMiB },
    cmdline: spec.cmdline ?? cmdline,
    protection: {
      ...protection,
      maxLagMs: spec.protection?.maxLagMs ?? defaultMaxLagMs,
      suspended: spec.protection?.suspended ?? false,
    },
    placement: placementOf(spec.placement ?? {}),
    restartPolicy: spec.restartPolicy ?? ADDED_DEFAULTS.restartPolicy,
    deletionProtection: spec.deletionProtection ?? ADDED_DEFAULTS.deletionProtection,
    ttlSeconds: spec.ttlSeconds ?? ADDED_DEFAULTS.ttlSeconds,
    console: {
      headBytes: spec.console?.headBytes ?? ADDED_DEFAULTS.console.headBytes,
      tailBytes: spec.console?.tailBytes ?? ADDED_DEFAULTS.console.tailBytes,
    },
  };
}

function placementOf({ workerSelector = null, zones, antiAffinity = {} }: NonNullable<VmSpecRequest["placement"]>): PlacementRule {
  const { domain = "worker", policy = "required" } = antiAffinity;
  if (workerSelector !== null && parseLabelSelector(workerSelector) === null) {
    const wanted = "wanted are key=value, key!=value, key or !key, with commas between";
    throw invalidField("/spec/placement/workerSelector", "bad_format", wanted);
  }
  if (domain === "worker" && policy === "preferred")
    throw invalidField("/spec/placement/antiAffinity/policy", "contradiction", "replicas of a VM never share a worker: it is required");
  return { workerSelector, zones: [...(zones ?? DEFAULT_PLACEMENT.zones)], antiAffinity: { domain, policy } };
}
