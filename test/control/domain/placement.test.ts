/** Where a replica is placed. */
import { describe, expect, test } from "vitest";
import { type PlacementWorker, place } from "../../../src/control/domain/placement.ts";
import { DEFAULT_PLACEMENT, type PlacementRule } from "../../../src/control/domain/placement-rule.ts";

function worker(name: string, more: Partial<PlacementWorker> = {}): PlacementWorker {
  return {
    id: `wrk_${name}`,
    name,
    host: "host",
    zone: null,
    labels: {},
    ready: true,
    buildDigest: "build",
    memoryMiB: 1024,
    promisedMiB: 0,
    vcpus: 16,
    promisedVcpus: 0,
    replicas: 0,
    ...more,
  };
}

function check(
  workers: readonly PlacementWorker[],
  wanted: string,
  taken: readonly string[] = [],
  buildDigest: string | null = null,
  only: string | null = null,
  { leaving = [], ...rule }: Partial<PlacementRule> & { readonly leaving?: readonly string[] } = {},
): void {
  const ids = (names: readonly string[]) => names.map((name) => `wrk_${name}`);
  const staying = ids(taken.filter((name) => !leaving.includes(name)));
  const request = { memoryMiB: 128, vcpus: 1, taken: ids(taken), staying, buildDigest, only, rule: { ...DEFAULT_PLACEMENT, ...rule } };
  const decision = place(request, workers);
  expect(decision.kind === "placed" ? decision.worker.name : decision.reason).toBe(wanted);
}

describe("a replica is placed", () => {
  test("where most memory is free", () => check([worker("a", { promisedMiB: 512 }), worker("b", { promisedMiB: 128 })], "b"));
  test("where fewest replicas are, with equal memory", () => check([worker("a", { replicas: 2 }), worker("b", { replicas: 1 })], "b"));
  test("by name, with all else equal", () => check([worker("b"), worker("a")], "a"));
  test("never beside another replica of its VM", () => {
    check([worker("a"), worker("b", { promisedMiB: 512 })], "b", ["a"]);
    check([worker("a")], "anti_affinity_unsatisfiable", ["a"]);
    check([worker("a"), worker("b", { promisedMiB: 1000 })], "anti_affinity_unsatisfiable", ["a"]);
    check([worker("a", { promisedMiB: 1000 })], "no_capacity", ["a"]);
  });
  test("on another host, where there is one", () =>
    check([worker("a"), worker("b"), worker("c", { host: "other", promisedMiB: 512 })], "c", ["a"]));
  test("in another zone before on another host, where there is one", () => {
    const here = worker("a", { zone: "north" });
    check([here, worker("b", { zone: "north", host: "other" }), worker("c", { zone: "south", promisedMiB: 512 })], "c", ["a"]);
    check([here, worker("b", { zone: "north", host: "other", promisedMiB: 512 }), worker("c", { zone: "north" })], "b", ["a"]);
  });
  test("only on workers that its selector and its zones allow", () => {
    const workers = [worker("a"), worker("b", { labels: { disk: "ssd" }, zone: "north", promisedMiB: 512 })];
    const selects = (workerSelector: string, wanted: string) => check(workers, wanted, [], null, null, { workerSelector });
    selects("disk=ssd", "b");
    selects("disk", "b");
    selects("disk!=ssd", "a");
    selects("!disk", "a");
    selects("disk=ssd,!disk", "no_capacity");
    // Of a later version, whose selectors this one cannot read.
    selects("disk in (ssd)", "no_capacity");
    selects("constructor", "no_capacity");
    check(workers, "b", [], null, null, { zones: ["south", "north"] });
    check(workers, "no_capacity", [], null, null, { zones: ["south"] });
    check(workers, "anti_affinity_unsatisfiable", ["b"], null, null, { workerSelector: "disk" });
  });
  test("on another host, or in another zone, than those that stay, where that is required", () => {
    const host = { antiAffinity: { domain: "host", policy: "required" } } as const;
    const zone = { antiAffinity: { domain: "zone", policy: "required" } } as const;
    const preferred = { antiAffinity: { domain: "zone", policy: "preferred" } } as const;
    const north = [worker("a", { zone: "north" }), worker("b", { zone: "north", host: "other" })];
    const both = [...north, worker("c", { zone: "south", promisedMiB: 512 })];
    check([worker("a"), worker("b")], "anti_affinity_unsatisfiable", ["a"], null, null, host);
    check(north, "b", ["a"], null, null, host);
    check(north, "anti_affinity_unsatisfiable", ["a"], null, null, zone);
    check(north, "b", ["a"], null, null, preferred);
    check(both, "c", ["a"], null, null, zone);
    check(north, "b", ["a"], null, null, { ...zone, leaving: ["a"] });
    check(north, "anti_affinity_unsatisfiable", ["a", "b"], null, null, { ...zone, leaving: ["a", "b"] });
    // What nobody has told is not known to be another one.
    check([worker("a")], "no_capacity", [], null, null, zone);
    check([worker("a")], "a", [], null, null, preferred);
    check([...north, worker("d", { host: "third" })], "no_capacity", ["a"], null, null, { ...zone, zones: ["south"] });
  });
  test("where what is scarcer, memory or processors, leaves most", () => {
    check([worker("a", { promisedVcpus: 12 }), worker("b", { promisedMiB: 512, promisedVcpus: 2 })], "b");
    check([worker("a", { promisedVcpus: 4 }), worker("b", { promisedMiB: 512, promisedVcpus: 2 })], "a");
    check([worker("a", { memoryMiB: 4096, promisedMiB: 2048 }), worker("b")], "b");
  });
  test("only where a processor is left for it", () => {
    check([worker("a", { promisedVcpus: 16 })], "no_capacity");
    check([worker("a", { promisedVcpus: 15 })], "a");
  });
  test("on the one worker that was asked for, or not at all", () => {
    check([worker("a"), worker("b", { promisedMiB: 512 })], "b", [], null, "wrk_b");
    check([worker("a"), worker("b", { promisedMiB: 1000 })], "no_capacity", [], null, "wrk_b");
    check([worker("a"), worker("b")], "anti_affinity_unsatisfiable", ["b"], null, "wrk_b");
  });
  test("only where its memory fits, promises counted", () => {
    check([worker("a", { promisedMiB: 897 })], "no_capacity");
    check([worker("a", { promisedMiB: 896 })], "a");
  });
  test("only on a worker that is ready", () => check([worker("a", { ready: false })], "no_capacity"));
  test("only where its pair's build runs", () => {
    check([worker("a", { buildDigest: "other" })], "engine_mismatch", [], "build");
    check([worker("a", { buildDigest: "other" }), worker("b", { promisedMiB: 512 })], "b", [], "build");
  });
});
