/** Decisions about one VM, as tables: state, protection, what is to be done, and what may be waited for. */
import { describe, expect, test } from "vitest";
import { type PlanFactsOfVm, planVm } from "../../../src/control/domain/plan-vm.ts";
import {
  type Protection,
  type ProtectionFacts,
  protectionOf,
  protectionWanted,
  reasonOfSolo,
} from "../../../src/control/domain/protection.ts";
import { isBroken, type ReplicaFacts, type ReportFacts } from "../../../src/control/domain/replica-facts.ts";
import { nextVmState, VM_STATES, type VmStateFacts } from "../../../src/control/domain/vm-state.ts";
import { isReached, WAIT_TARGETS, whyUnreachable } from "../../../src/control/domain/wait-target.ts";

function report(role: "primary" | "backup", state: ReportFacts["state"], more: Partial<ReportFacts> = {}): ReportFacts {
  return { role, state, term: 1n, joining: null, guestHalt: null, haltReason: null, message: null, ...more };
}

function replica(id: string, more: Partial<ReplicaFacts> = {}): ReplicaFacts {
  const role = more.role ?? (id === "p" ? "primary" : "backup");
  const said = more.report === undefined ? report(role, "live") : more.report;
  return {
    id,
    role,
    state: "live",
    stateReason: null,
    workerId: `worker of ${id}`,
    link: "connected",
    awayForMs: 0,
    cutOff: false,
    leaving: false,
    fencingGrace: false,
    ...more,
    report: said,
    broken: isBroken(said),
  };
}

const P = replica("p");
const B = replica("b");

describe("the next state", () => {
  const facts: VmStateFacts = {
    state: "running",
    desiredState: "running",
    primaryReplica: "p",
    synced: [],
    replicas: [P],
    primaryNeverRan: false,
    startingForMs: 0,
    startDeadlineMs: 1000,
  };
  const check = (change: Partial<VmStateFacts>, wanted: [string, string | null] | null) => {
    const next = nextVmState({ ...facts, ...change });
    expect(next === null ? null : [next.state, next.reason]).toEqual(wanted);
  };

  test("of a VM without a replica is none", () => check({ state: "provisioning", primaryReplica: null, replicas: [] }, null));
  test("of a placed one is starting", () =>
    check({ state: "provisioning", replicas: [replica("p", { state: "placing", report: null })] }, ["starting", null]));
  test("of a live one is running", () => check({ state: "starting" }, ["running", null]));
  test("of one that does not come up in time is failed", () =>
    check({ state: "starting", replicas: [replica("p", { report: report("primary", "syncing") })], startingForMs: 1001 }, [
      "failed",
      "start_timeout",
    ]));
  test("of one whose worker's process is gone before the guest began is provisioning again", () =>
    check({ state: "starting", replicas: [], primaryNeverRan: true }, ["provisioning", "worker_lost"]));
  test("of one whose worker only is not heard of, or whose guest may have begun, is failed", () => {
    const givenUp = replica("p", { state: "lost", link: "lost", report: null });
    check({ state: "starting", replicas: [givenUp], primaryNeverRan: true }, ["failed", "all_replicas_lost"]);
    check({ state: "starting", replicas: [] }, ["failed", "all_replicas_lost"]);
    check({ state: "running", replicas: [], primaryNeverRan: true }, ["failed", "all_replicas_lost"]);
  });
  test("of one whose guest powered off is stopped", () =>
    check({ replicas: [replica("p", { report: report("primary", "stopped", { guestHalt: "poweroff" }) })] }, [
      "stopped",
      "guest_poweroff",
    ]));
  test("of one whose guest halts and has more to write is none yet", () =>
    check({ replicas: [replica("p", { report: report("primary", "live", { guestHalt: "poweroff" }) })] }, null));
  test("of one whose primary is lost, with a synced backup, is none: the backup takes over", () =>
    check({ synced: ["b"], replicas: [replica("p", { state: "lost" }), B] }, null));
  test("of one whose every replica is lost is failed", () =>
    check({ synced: ["b"], replicas: [replica("p", { state: "lost" }), replica("b", { state: "lost" })] }, [
      "failed",
      "all_replicas_lost",
    ]));
  test("of one whose primary is gone is failed", () => check({ replicas: [] }, ["failed", "all_replicas_lost"]));
  test("of one whose only replica broke is failed with its reason", () =>
    check({ replicas: [replica("p", { report: report("primary", "failed", { haltReason: "engine_failed" }) })] }, [
      "failed",
      "engine_failed",
    ]));
  test("of a deleted one is deleting, until the last replica is gone", () => {
    check({ desiredState: "deleted" }, ["deleting", null]);
    check({ desiredState: "deleted", state: "deleting" }, null);
    check({ desiredState: "deleted", state: "deleting", replicas: [] }, ["deleted", null]);
    check({ desiredState: "deleted", state: "deleted", replicas: [] }, null);
  });
  test("of one that ended is none, whatever its replicas say", () => {
    for (const state of ["stopped", "failed"] as const) check({ state }, null);
  });
});

describe("protection", () => {
  const facts: ProtectionFacts = {
    backups: 1,
    vmState: "running",
    current: { state: "unprotected", reason: "initializing" },
    primaryReplica: "p",
    synced: [],
    replicas: [P],
    failoverOpen: false,
    placementRefusal: null,
    booting: false,
  };
  const check = (change: Partial<ProtectionFacts>, state: Protection["state"], reason: Protection["reason"]) =>
    expect(protectionOf({ ...facts, ...change })).toEqual({ state, reason });

  test("is off where it is not wanted", () => check({ backups: 0 }, "off", null));
  test("is inactive while the VM does not run", () => {
    for (const vmState of VM_STATES.filter((state) => state !== "running")) check({ vmState }, "inactive", null);
  });
  test("is given by a synced backup that can be reached", () => {
    check({ synced: ["b"], replicas: [P, B] }, "protected", null);
    check({ synced: ["b"], replicas: [P, replica("b", { link: "silent" })] }, "protected", null);
  });
  test("is given by one of several", () =>
    check({ backups: 2, synced: ["b", "c"], replicas: [P, B, replica("c", { link: "missing" })] }, "protected", null));
  test("what a caller wants of it may be said by mode, by number, or not at all, but not both ways", () => {
    expect(protectionWanted({})).toEqual({ mode: "lockstep", backups: 1 });
    expect(protectionWanted({ mode: "none" })).toEqual({ mode: "none", backups: 0 });
    expect(protectionWanted({ backups: 0 })).toEqual({ mode: "none", backups: 0 });
    expect(protectionWanted({ backups: 3 })).toEqual({ mode: "lockstep", backups: 3 });
    expect(protectionWanted({ mode: "lockstep", backups: 2 })).toEqual({ mode: "lockstep", backups: 2 });
    expect(protectionWanted({ mode: "none", backups: 2 })).toBeNull();
    expect(protectionWanted({ mode: "lockstep", backups: 0 })).toBeNull();
  });
  test("is not given by one whose worker is gone", () =>
    check({ synced: ["b"], replicas: [P, replica("b", { link: "missing" })] }, "unprotected", "worker_lost"));
  test("is failing over while the primary is gone and a backup is there", () => {
    check({ synced: ["b"], replicas: [replica("p", { link: "missing" }), B] }, "failing_over", "worker_lost");
    check({ failoverOpen: true }, "failing_over", "initializing");
  });
  test("stays what it was while workers come back to a new control plane", () =>
    check(
      { booting: true, current: { state: "protected", reason: null }, synced: ["b"], replicas: [replica("p", { link: "missing" }), B] },
      "protected",
      null,
    ));
  test("is syncing while a backup is on its way", () =>
    check({ replicas: [P, replica("b", { state: "syncing", report: report("backup", "syncing") })] }, "syncing", "initializing"));
  test("names why nobody can be the backup", () => check({ placementRefusal: "no_capacity" }, "unprotected", "no_capacity"));
  test("keeps the reason for which it was lost", () =>
    check({ current: { state: "unprotected", reason: "divergence" } }, "unprotected", "divergence"));
  test("knows the primaries' reasons for going solo", () => {
    expect(["divergence", "lag_exceeded", "backup_failed", "connection_lost", "anything"].map(reasonOfSolo)).toEqual([
      "divergence",
      "lag_exceeded",
      "backup_failed",
      "connection_lost",
      "connection_lost",
    ]);
  });
});

describe("what is to be done", () => {
  const facts: PlanFactsOfVm = {
    state: "running",
    desiredState: "running",
    backups: 1,
    maxLagMs: 2000,
    primaryReplica: "p",
    synced: [],
    replicas: [P],
    consoleDrained: true,
    vmLostMs: 1000,
    drainForced: false,
  };
  const check = (change: Partial<PlanFactsOfVm>, wanted: readonly string[]) => {
    const steps = planVm({ ...facts, ...change }).map((step) => {
      switch (step.kind) {
        case "pair":
          return `pair ${step.backup}`;
        case "place":
          return `place ${step.role}`;
        case "handOver":
          return `handOver ${step.to}${step.needsRoom ? ", if there is room" : ""}`;
        default:
          return `${step.kind} ${step.replicaId}`;
      }
    });
    expect(steps).toEqual(wanted);
  };

  test("for a new VM: place its primary", () => check({ state: "provisioning", primaryReplica: null, replicas: [] }, ["place primary"]));
  test("for a placed replica: order it", () =>
    check({ state: "starting", replicas: [replica("p", { state: "placing", report: null })] }, ["create p"]));
  test("for a placed replica whose worker is away: wait", () =>
    check({ state: "starting", replicas: [replica("p", { state: "placing", report: null, link: "missing" })] }, []));
  test("for a VM that runs alone: place a backup", () => check({}, ["place backup"]));
  test("for a VM that shall run alone: nothing", () => check({ backups: 0 }, []));
  test("for a VM that starts: nothing yet", () => check({ state: "starting" }, []));
  test("for a backup that waits: pair it, until the primary says that it joins", () => {
    const waiting = replica("b", { state: "syncing", report: report("backup", "syncing") });
    check({ replicas: [P, waiting] }, ["pair b"]);
    check({ replicas: [replica("p", { report: report("primary", "live", { joining: "b" }) }), waiting] }, []);
  });
  test("for a protected VM: nothing", () => check({ synced: ["b"], replicas: [P, B] }, []));
  describe("with more than one backup wanted", () => {
    const C = replica("c");
    const syncing = (id: string, more: Partial<ReplicaFacts> = {}) =>
      replica(id, { state: "syncing", report: report("backup", "syncing"), ...more });

    test("place one after the other, pair those that wait", () => {
      check({ backups: 2 }, ["place backup"]);
      check({ backups: 2, replicas: [P, syncing("b")] }, ["pair b", "place backup"]);
      check({ backups: 2, replicas: [P, syncing("b"), syncing("c")] }, ["pair b", "pair c"]);
      check({ backups: 2, synced: ["b"], replicas: [P, B] }, ["place backup"]);
      check({ backups: 2, synced: ["b", "c"], replicas: [P, B, C] }, []);
    });
    test("no other takes the place of a member that may be gone, before its primary lets it go", () =>
      check({ backups: 2, synced: ["b", "c"], replicas: [P, B, replica("c", { link: "lost", awayForMs: 500 })] }, []));
    test("drop what is too many: who is on its way, then who was added last", () => {
      check({ backups: 1, synced: ["b", "c"], replicas: [P, B, C] }, ["drop c"]);
      check({ backups: 0, synced: ["c", "b"], replicas: [P, B, C] }, ["drop c", "drop b"]);
      check({ backups: 1, synced: ["b"], replicas: [P, B, syncing("c")] }, ["drop c"]);
      check({ backups: 0, replicas: [P, syncing("b")] }, ["drop b"]);
    });
    test("drop it once: one that its worker does not hold any more is not made up for by another", () =>
      check({ backups: 1, synced: ["b", "c"], replicas: [P, B] }, []));
    test("promote one that can be told", () =>
      check(
        {
          backups: 2,
          synced: ["b", "c"],
          replicas: [replica("p", { link: "lost", awayForMs: 500 }), replica("b", { link: "missing" }), C],
        },
        ["promote c"],
      ));
  });
  test("for a primary whose worker is lost: tell the backup", () => {
    check({ synced: ["b"], replicas: [replica("p", { link: "lost", awayForMs: 500 }), B] }, ["promote b"]);
    check({ synced: ["b"], replicas: [replica("p", { link: "missing" }), B] }, []);
  });
  test("for a primary that broke: tell the backup", () =>
    check({ synced: ["b"], replicas: [replica("p", { report: report("primary", "failed", { haltReason: "engine_failed" }) }), B] }, [
      "promote b",
    ]));
  test("for a pair that is lost altogether: give it up, only after a long time", () => {
    const lost = (awayForMs: number) => ({
      synced: ["b"],
      replicas: [replica("p", { link: "lost", awayForMs }), replica("b", { link: "lost", awayForMs })],
    });
    check(lost(500), []);
    check(lost(1500), ["writeOff p", "writeOff b"]);
  });
  test("for a synced backup that is away: nothing, as only its primary may let it go", () =>
    check({ synced: ["b"], replicas: [P, replica("b", { link: "lost", awayForMs: 500 })] }, []));
  test("for a candidate that is away too long: write it off and take another", () =>
    check({ replicas: [P, replica("b", { state: "syncing", link: "lost" })] }, ["writeOff b", "pair b"].slice(0, 1)));
  test("for a candidate that broke: write it off, drop it, take another", () =>
    check({ replicas: [P, replica("b", { state: "syncing", report: report("backup", "stopped", { haltReason: "join_aborted" }) })] }, [
      "writeOff b",
      "drop b",
      "place backup",
    ]));
  test("for a replica that its worker does not have any more: write it off", () =>
    check({ backups: 0, replicas: [replica("p", { report: null })] }, ["writeOff p", "forget p"]));
  test("for a former primary: leave it time to find out, then drop it", () => {
    const former = { state: "lost" as const, stateReason: "superseded", report: report("primary", "live") };
    const others = {
      primaryReplica: "b",
      replicas: [replica("b", { role: "primary", report: report("primary", "live") })],
      backups: 0,
    };
    check({ ...others, replicas: [...others.replicas, replica("p", { ...former, fencingGrace: true })] }, []);
    check({ ...others, replicas: [...others.replicas, replica("p", { ...former, fencingGrace: false })] }, ["drop p"]);
    check(
      { ...others, replicas: [...others.replicas, replica("p", { ...former, fencingGrace: true, report: report("primary", "fenced") })] },
      ["drop p"],
    );
    check({ ...others, replicas: [...others.replicas, replica("p", { ...former, report: null })] }, ["forget p"]);
    check({ ...others, replicas: [...others.replicas, replica("p", { ...former, link: "lost", report: null })] }, ["forget p"]);
  });
  test("for a backup on a worker that is drained: sync another first, then drop it", () => {
    const leaving = replica("b", { leaving: true });
    const waiting = replica("c", { state: "syncing", report: report("backup", "syncing") });
    check({ synced: ["b"], replicas: [P, leaving] }, ["place backup"]);
    check({ synced: ["b"], replicas: [P, leaving, waiting] }, ["pair c"]);
    check({ synced: ["b", "c"], replicas: [P, leaving, replica("c")] }, ["drop b"]);
    check({ synced: ["b"], replicas: [P, leaving], drainForced: true }, ["place backup", "drop b"]);
  });
  test("for replicas with another bound of lag than is wanted: tell them, those that can be told", () => {
    const bounded = (id: string, role: "primary" | "backup", maxMs: number, facts: Partial<ReplicaFacts> = {}) =>
      replica(id, { role, report: report(role, "live", { lag: { maxMs } }), ...facts });
    check({ synced: ["b"], replicas: [bounded("p", "primary", 500), bounded("b", "backup", 2000)] }, ["setMaxLag p"]);
    check({ synced: ["b"], replicas: [bounded("p", "primary", 500, { link: "silent" }), bounded("b", "backup", 500)] }, ["setMaxLag b"]);
    check({ synced: ["b"], replicas: [P, B] }, []);
  });
  test("for a candidate on a worker that is drained: drop it, and take another", () => {
    const candidate = replica("b", { leaving: true, state: "syncing", report: report("backup", "syncing") });
    check({ replicas: [P, candidate] }, ["place backup", "drop b"]);
  });
  test("for a primary on a worker that is drained: hand over, where the VM can be protected again", () => {
    const leaving = replica("p", { leaving: true });
    check({ synced: ["b"], replicas: [leaving, B] }, ["handOver b, if there is room"]);
    check({ synced: ["b"], replicas: [leaving, B], drainForced: true }, ["handOver b"]);
    check({ replicas: [leaving] }, ["place backup"]);
    check({ synced: ["b"], replicas: [leaving, replica("b", { leaving: true })] }, ["place backup"]);
  });
  test("for a primary without a backup on a worker that is drained: one for as long as it takes to hand over", () => {
    const leaving = replica("p", { leaving: true });
    check({ backups: 0, replicas: [leaving] }, ["place backup"]);
    check({ backups: 0, synced: ["b"], replicas: [leaving, B] }, ["handOver b"]);
  });
  test("for a VM that ended: drop its replicas once their last words are taken over", () => {
    check({ state: "stopped", replicas: [P, B], consoleDrained: false }, []);
    check({ state: "stopped", replicas: [P, B] }, ["drop p", "drop b"]);
    check({ state: "failed", replicas: [replica("p", { link: "lost" })] }, []);
    check({ state: "failed", replicas: [replica("p", { link: "lost", cutOff: true })], consoleDrained: false }, ["forget p"]);
  });
  test("for a VM that is deleted: drop what can be told, forget what cannot, wait for what may come back", () => {
    const deleted = { desiredState: "deleted" as const, state: "deleting" as const };
    check({ ...deleted, replicas: [P, replica("b", { link: "lost", report: null })] }, ["drop p", "forget b"]);
    check({ ...deleted, replicas: [replica("p", { link: "missing", report: null })] }, []);
    check({ ...deleted, replicas: [replica("p", { report: null })] }, ["forget p"]);
    check({ ...deleted, replicas: [replica("p", { state: "placing", report: null })] }, ["drop p"]);
  });
});

describe("a wait", () => {
  const vm = { state: "running", protection: "unprotected", syncedBackups: 0, wantedBackups: 1 } as const;

  test("is over where the VM is there", () => {
    expect(isReached("running", vm)).toBe(true);
    expect(isReached("protected", vm)).toBe(false);
    expect(isReached("protected", { ...vm, protection: "protected" })).toBe(true);
    expect(isReached("protected", { ...vm, state: "stopped", protection: "protected" })).toBe(false);
    const half = { ...vm, protection: "protected" as const, syncedBackups: 1, wantedBackups: 2 };
    expect(isReached("protected", half)).toBe(true);
    expect(isReached("fully_protected", half)).toBe(false);
    expect(isReached("fully_protected", { ...half, syncedBackups: 2 })).toBe(true);
    expect(isReached("stopped", { ...vm, state: "stopped" })).toBe(true);
    expect(isReached("deleted", { ...vm, state: "deleted" })).toBe(true);
  });

  test("is hopeless where the VM cannot get there by itself", () => {
    expect(whyUnreachable("protected", { ...vm, wantedBackups: 0 })).toContain("backups is 0");
    expect(whyUnreachable("running", { ...vm, state: "stopped" })).toContain("stopped");
    expect(whyUnreachable("stopped", { ...vm, state: "failed" })).toContain("failed");
    for (const state of ["deleting", "deleted"] as const) expect(whyUnreachable("running", { ...vm, state })).toContain(state);
    for (const state of VM_STATES) expect(whyUnreachable("deleted", { ...vm, state })).toBeNull();
    for (const target of WAIT_TARGETS) expect(whyUnreachable(target, { ...vm, state: "provisioning" })).toBeNull();
  });
});
