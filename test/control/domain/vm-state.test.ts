/** Decisions about one VM, as tables: state, protection, what is to be done, and what may be waited for. */

import { describe, expect, test } from "vitest";
import { DEFAULT_CONSOLE_RETENTION } from "../../../src/control/domain/console-retention.ts";
import { endOfOperation } from "../../../src/control/domain/operations.ts";
import { type PlanFactsOfVm, planVm } from "../../../src/control/domain/plan-vm.ts";
import {
  type Protection,
  type ProtectionFacts,
  protectionOf,
  protectionWanted,
  reasonOfSolo,
} from "../../../src/control/domain/protection.ts";
import { isBroken, type ReplicaFacts, type ReportFacts } from "../../../src/control/domain/replica-facts.ts";
import { hasGuest, nextVmState, VM_STATES, type VmStateFacts } from "../../../src/control/domain/vm-state.ts";
import { decideVmVerb, type VmVerb, type VmVerbFacts } from "../../../src/control/domain/vm-verb.ts";
import { isReached, parseWaitTarget, WAIT_TARGETS, type WaitFacts, whyUnreachable } from "../../../src/control/domain/wait-target.ts";

function report(role: "primary" | "backup", state: ReportFacts["state"], more: Partial<ReportFacts> = {}): ReportFacts {
  return { role, state, term: 1n, joining: null, paused: false, guestHalt: null, haltReason: null, message: null, ...more };
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
    unwanted: false,
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
    stopGraceMs: null,
    primaryReplica: "p",
    synced: [],
    replicas: [P],
    primaryNeverRan: false,
    stateReason: null,
    inStateForMs: 0,
    deadlines: { provisioning: 5000, starting: 1000, pausing: 2000, resuming: 2000 },
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
    check({ state: "starting", replicas: [replica("p", { report: report("primary", "syncing") })], inStateForMs: 1001 }, [
      "failed",
      "start_timeout",
    ]));
  test("of one that nobody has room for in time is failed", () => {
    const nowhere = { state: "provisioning", primaryReplica: null, replicas: [], stateReason: "no_capacity" } as const;
    check({ ...nowhere, inStateForMs: 5000 }, null);
    check({ ...nowhere, inStateForMs: 5001 }, ["failed", "provision_timeout"]);
  });
  test("of one that does not pause or go on in time is the one before, which is wanted again", () => {
    check({ state: "pausing", desiredState: "paused", inStateForMs: 2000 }, null);
    check({ state: "pausing", desiredState: "paused", inStateForMs: 2001 }, ["running", "pause_timeout"]);
    const paused = replica("p", { report: report("primary", "live", { paused: true }) });
    check({ state: "resuming", replicas: [paused], inStateForMs: 2001 }, ["paused", "resume_timeout"]);
    const promoting = replica("p", { report: report("primary", "promoting") });
    check({ state: "pausing", desiredState: "paused", replicas: [promoting], inStateForMs: 2001 }, null);
  });
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
  test("of one that is to be paused, or to run, is what its primary reports", () => {
    const still = [replica("p", { report: report("primary", "live", { paused: true }) })];
    check({ state: "pausing", desiredState: "paused" }, null);
    check({ state: "pausing", desiredState: "paused", replicas: still }, ["paused", null]);
    // Its new primary had not heard of it.
    check({ state: "paused", desiredState: "paused" }, ["pausing", null]);
    check({ state: "resuming", replicas: still }, null);
    check({ state: "resuming" }, ["running", null]);
    check({ state: "paused", desiredState: "paused", replicas: [] }, ["failed", "all_replicas_lost"]);
  });
  test("of one that is stopping is stopped when its guest has ended, or when nothing of it is left", () => {
    const waited = { state: "stopping", desiredState: "stopped", stopGraceMs: 5000, stateReason: "stop_requested" } as const;
    check(waited, null);
    check({ ...waited, replicas: [replica("p", { report: report("primary", "stopped", { guestHalt: "poweroff" }) })] }, [
      "stopped",
      "guest_poweroff",
    ]);
    check({ ...waited, replicas: [] }, ["stopped", "stop_requested"]);
    const ended = { ...waited, stopGraceMs: 0, stateReason: "killed" } as const;
    check(ended, null);
    check({ ...ended, replicas: [replica("p", { state: "lost", link: "lost" })] }, null);
    check({ ...ended, replicas: [] }, ["stopped", "killed"]);
    check({ ...ended, desiredState: "running", stateReason: "reset", replicas: [] }, ["provisioning", "reset"]);
  });
  test("of a deleted one is deleting, until the last replica is gone", () => {
    check({ desiredState: "deleted" }, ["deleting", null]);
    check({ desiredState: "deleted", state: "deleting" }, null);
    check({ desiredState: "deleted", state: "deleting", replicas: [] }, ["deleted", null]);
    check({ desiredState: "deleted", state: "deleted", replicas: [] }, null);
    check({ desiredState: "deleted", stateReason: "killed", state: "stopping" }, ["deleting", null]);
    check({ desiredState: "deleted", stateReason: "ttl_expired" }, ["deleting", "ttl_expired"]);
    check({ desiredState: "deleted", stateReason: "ttl_expired", state: "deleting", replicas: [] }, ["deleted", "ttl_expired"]);
  });
  test("of one that ended is none, whatever its replicas say", () => {
    for (const state of ["stopped", "failed"] as const) check({ state }, null);
  });
});

describe("protection", () => {
  const facts: ProtectionFacts = {
    backups: 1,
    suspended: false,
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
  test("is suspended where that was asked for, whatever the VM does", () => {
    check({ suspended: true, synced: ["b"], replicas: [P, B] }, "suspended", "user_action");
    check({ suspended: true, vmState: "stopped" }, "suspended", "user_action");
    check({ suspended: true, backups: 0 }, "off", null);
  });
  test("is inactive while the VM does not run", () => {
    for (const vmState of VM_STATES.filter((state) => !hasGuest(state))) check({ vmState }, "inactive", null);
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
    stopGraceMs: null,
    backups: 1,
    console: DEFAULT_CONSOLE_RETENTION,
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
        case "setPaused":
          return `${step.paused ? "pause" : "resume"} ${step.replicaId}`;
        case "handOver":
          return `handOver ${step.to}${step.lacksSpare ? ", if there is no room for another" : ""}`;
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
  test("for a replica that was ordered to go: drop it, and go on as if it had died", () => {
    check({ synced: ["b"], replicas: [P, replica("b", { unwanted: true })] }, ["drop b"]);
    check({ replicas: [P, replica("b", { unwanted: true, state: "lost" })] }, ["drop b", "drop b", "place backup"]);
    check({ synced: ["b"], replicas: [replica("p", { unwanted: true }), B] }, ["drop p"]);
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
  test("for a primary on a worker that is drained: one backup more, then hand over to one, whom the others follow", () => {
    const leaving = replica("p", { leaving: true });
    const waiting = replica("c", { state: "syncing", report: report("backup", "syncing") });
    check({ synced: ["b"], replicas: [leaving, B] }, ["place backup", "handOver b, if there is no room for another"]);
    check({ synced: ["b"], replicas: [leaving, B, waiting] }, ["pair c"]);
    check({ synced: ["b", "c"], replicas: [leaving, B, replica("c")] }, ["handOver b"]);
    check({ synced: ["b"], replicas: [leaving, B], drainForced: true }, ["handOver b"]);
    check({ replicas: [leaving] }, ["place backup"]);
    check({ synced: ["b"], replicas: [leaving, replica("b", { leaving: true })] }, ["place backup"]);
    check(
      {
        synced: ["c"],
        primaryReplica: "b",
        replicas: [replica("b", { role: "primary", report: report("primary", "live") }), replica("c")],
      },
      [],
    );
  });
  test("for a primary without a backup on a worker that is drained: one for as long as it takes to hand over", () => {
    const leaving = replica("p", { leaving: true });
    check({ backups: 0, replicas: [leaving] }, ["place backup"]);
    check({ backups: 0, synced: ["b"], replicas: [leaving, B] }, ["handOver b"]);
  });
  test("for a VM that ended: drop its replicas once their last words are taken over", () => {
    check({ state: "stopped", replicas: [P, B], consoleDrained: false }, []);
    check({ state: "stopped", replicas: [P, B] }, ["drop p", "drop b"]);
    check({ state: "failed", replicas: [replica("p", { link: "missing" })] }, []);
    check({ state: "failed", replicas: [replica("p", { link: "lost" })] }, ["forget p"]);
    check({ state: "failed", replicas: [replica("p", { link: "lost", cutOff: true })], consoleDrained: false }, ["forget p"]);
  });
  test("for a VM that is to be paused, or to run: tell the primary, and keep its backups", () => {
    const still = replica("p", { report: report("primary", "live", { paused: true }) });
    const paused = { state: "paused", desiredState: "paused", synced: ["b"] } as const;
    check({ ...paused, state: "pausing", replicas: [P, B] }, ["pause p"]);
    check({ ...paused, replicas: [still, B] }, []);
    check({ ...paused, synced: [], replicas: [still] }, ["place backup"]);
    check({ ...paused, desiredState: "running", state: "resuming", replicas: [still, B] }, ["resume p"]);
  });
  test("for a VM that is to stop: have the guest power itself off, wherever it is; then drop all, where it can be told", () => {
    const stopping = { state: "stopping", desiredState: "stopped", stopGraceMs: 1000, synced: ["b"] } as const;
    const still = replica("p", { report: report("primary", "live", { paused: true }) });
    check({ ...stopping, replicas: [P, B] }, ["shutDown p"]);
    check({ ...stopping, replicas: [still, B] }, ["resume p", "shutDown p"]);
    check({ ...stopping, replicas: [replica("p", { link: "lost" }), B] }, ["promote b"]);
    check({ ...stopping, stopGraceMs: 0, replicas: [P, replica("b", { link: "lost" })] }, ["drop p", "forget b"]);
    check({ ...stopping, stopGraceMs: 0, replicas: [replica("p", { report: null }), replica("b", { link: "missing" })] }, ["forget p"]);
    check({ ...stopping, stopGraceMs: 0, replicas: [P], consoleDrained: false }, []);
  });
  test("for a VM that gets another guest: nothing is left of the one before, then a place", () => {
    const next = { state: "provisioning", primaryReplica: null } as const;
    check({ ...next, replicas: [replica("old", { state: "stopped" })] }, ["drop old"]);
    check({ ...next, replicas: [replica("old", { state: "stopped", link: "missing", report: null })] }, []);
    check({ ...next, replicas: [] }, ["place primary"]);
  });
  test("for a VM that is deleted: drop what can be told, forget what cannot, wait for what may come back", () => {
    const deleted = { desiredState: "deleted" as const, state: "deleting" as const };
    check({ ...deleted, replicas: [P, replica("b", { link: "lost", report: null })] }, ["drop p", "forget b"]);
    check({ ...deleted, replicas: [replica("p", { link: "missing", report: null })] }, []);
    check({ ...deleted, replicas: [replica("p", { report: null })] }, ["forget p"]);
    check({ ...deleted, replicas: [replica("p", { state: "placing", report: null })] }, ["drop p"]);
  });
});

describe("a verb", () => {
  const facts: VmVerbFacts = { state: "running", desiredState: "running", stopGraceMs: null };
  const told = (verb: VmVerb, change: Partial<VmVerbFacts>): string => {
    const decision = decideVmVerb(verb, { ...facts, ...change }, 5000);
    switch (decision.kind) {
      case "change":
        return `${decision.state}, for ${decision.desiredState}${decision.stopGraceMs === null ? "" : ` in ${decision.stopGraceMs} ms`}`;
      case "refuse":
        return "-";
      default:
        return decision.kind;
    }
  };
  const stopping = { state: "stopping", desiredState: "stopped", stopGraceMs: 5000 } as const;
  const situations: Readonly<Record<string, Partial<VmVerbFacts>>> = {
    provisioning: { state: "provisioning" },
    starting: { state: "starting" },
    running: {},
    pausing: { state: "pausing", desiredState: "paused" },
    paused: { state: "paused", desiredState: "paused" },
    resuming: { state: "resuming" },
    "stopping, waited for": stopping,
    "stopping, ended": { ...stopping, stopGraceMs: 0 },
    "stopping, reset": { ...stopping, desiredState: "running", stopGraceMs: 0 },
    stopped: { state: "stopped", desiredState: "stopped" },
    failed: { state: "failed" },
  };
  const all = (verb: VmVerb) => Object.fromEntries(Object.entries(situations).map(([name, change]) => [name, told(verb, change)]));
  const refused = Object.fromEntries(Object.keys(situations).map((name) => [name, "-"]));

  test("start: what ended begins again", () => {
    const begins = "provisioning, for running";
    expect(all("start")).toEqual({ ...refused, provisioning: "join", starting: "join", running: "done", stopped: begins, failed: begins });
  });
  test("stop: a guest that is there gets its grace", () => {
    const waited = "stopping, for stopped in 5000 ms";
    const ended = "stopping, for stopped in 0 ms";
    expect(all("stop")).toEqual({
      provisioning: ended,
      starting: ended,
      running: waited,
      pausing: waited,
      paused: waited,
      resuming: waited,
      "stopping, waited for": "join",
      "stopping, ended": "join",
      "stopping, reset": ended,
      stopped: "done",
      failed: ended,
    });
  });
  test("kill: from everywhere, and it cuts a grace short", () => {
    const ended = Object.fromEntries(Object.keys(situations).map((name) => [name, "stopping, for stopped in 0 ms"]));
    expect(all("kill")).toEqual({ ...ended, "stopping, ended": "join", stopped: "done" });
  });
  test("reset: what has begun begins again", () => {
    const again = "stopping, for running in 0 ms";
    const began = { starting: again, running: again, pausing: again, paused: again, resuming: again, failed: again };
    expect(all("reset")).toEqual({ ...refused, ...began, "stopping, reset": "join" });
  });
  test("pause and resume: only a guest that runs, or stands still", () => {
    const pauses = "pausing, for paused";
    const resumes = "resuming, for running";
    expect(all("pause")).toEqual({ ...refused, running: pauses, resuming: pauses, pausing: "join", paused: "done" });
    expect(all("resume")).toEqual({ ...refused, running: "done", resuming: "join", pausing: resumes, paused: resumes });
  });
  test("ends with the state that it is for, or with another end of the VM", () => {
    expect(endOfOperation("vm.stop", "stopping", "stopped")).toBe(null);
    expect(endOfOperation("vm.stop", "stopped", "stopped")).toBe("succeeded");
    expect(endOfOperation("vm.reset", "provisioning", "running")).toBe(null);
    expect(endOfOperation("vm.reset", "running", "running")).toBe("succeeded");
    expect(endOfOperation("vm.pause", "failed", "paused")).toBe("failed");
    expect(endOfOperation("vm.start", "stopped", "running")).toBe("failed");
    expect(endOfOperation("vm.failover", "running", "running")).toBe(null);
    expect(endOfOperation("vm.create", "running", "running")).toBe("succeeded");
    expect(endOfOperation("vm.create", "running", "paused")).toBe(null);
    expect(endOfOperation("vm.create", "paused", "paused")).toBe("succeeded");
  });
});

describe("a wait", () => {
  const vm: WaitFacts = {
    state: "running",
    desiredState: "running",
    protection: "unprotected",
    syncedBackups: 0,
    wantedBackups: 1,
    comesBack: false,
    inOperation: false,
    conditions: new Map([["Ready", "True"]]),
  };

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

  test("for a paused VM's protection, for rest, and for a condition", () => {
    const paused: WaitFacts = { ...vm, state: "paused", desiredState: "paused", protection: "protected" };
    expect(isReached("protected", paused)).toBe(true);
    expect(isReached("settled", paused)).toBe(true);
    expect(isReached("settled", { ...paused, inOperation: true })).toBe(false);
    expect(isReached("settled", { ...paused, protection: "syncing" })).toBe(false);
    expect(isReached("settled", { ...vm, protection: "off" })).toBe(true);
    for (const state of ["stopped", "failed", "deleted"] as const) expect(isReached("settled", { ...vm, state })).toBe(true);
    for (const state of ["starting", "pausing", "stopping", "deleting"] as const)
      expect(isReached("settled", { ...vm, state })).toBe(false);
    expect(isReached({ condition: "Ready", status: "True" }, vm)).toBe(true);
    expect(isReached({ condition: "Protected", status: "True" }, vm)).toBe(false);
  });

  test("is for a word of the list, or a condition", () => {
    expect(parseWaitTarget("settled")).toBe("settled");
    expect(parseWaitTarget("condition:Protected=True")).toEqual({ condition: "Protected", status: "True" });
    for (const text of ["", "rest", "condition:Protected", "condition:Protected=Maybe", "condition:Rested=True"])
      expect(parseWaitTarget(text)).toBeNull();
  });

  test("is hopeless where the VM cannot get there by itself", () => {
    expect(whyUnreachable("protected", { ...vm, wantedBackups: 0 })).toContain("backups is 0");
    expect(whyUnreachable("running", { ...vm, state: "stopped" })).toContain("stopped");
    expect(whyUnreachable("stopped", { ...vm, state: "failed" })).toContain("failed");
    for (const state of ["deleting", "deleted"] as const) expect(whyUnreachable("running", { ...vm, state })).toContain(state);
    for (const state of VM_STATES) expect(whyUnreachable("deleted", { ...vm, state })).toBeNull();
    for (const target of WAIT_TARGETS.filter((each) => each !== "paused"))
      expect(whyUnreachable(target, { ...vm, state: "provisioning" })).toBeNull();
    expect(whyUnreachable("paused", vm)).toContain("to be running");
    expect(whyUnreachable("paused", { ...vm, state: "pausing", desiredState: "paused" })).toBeNull();
    expect(whyUnreachable("running", { ...vm, state: "stopping", desiredState: "stopped" })).toContain("to be stopped");
    expect(whyUnreachable("running", { ...vm, state: "stopping" })).toBeNull();
    expect(whyUnreachable({ condition: "Protected", status: "True" }, { ...vm, wantedBackups: 0 })).toContain("backups is 0");
    expect(whyUnreachable({ condition: "Ready", status: "Unknown" }, vm)).toContain("never");
    expect(whyUnreachable({ condition: "Ready", status: "False" }, vm)).toBeNull();
  });
});
