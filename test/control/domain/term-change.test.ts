/** The arbiter's rules, each as a row as it is and a request that comes. */
import { describe, expect, test } from "vitest";
import {
  decideTermChange,
  syncedAfter,
  type TermChange,
  type TermDecision,
  type TermFacts,
} from "../../../src/control/domain/term-change.ts";

/** Primary `p` since term 3, backup `b` added by it in term 5. */
const protectedVm: TermFacts = {
  term: 5n,
  primaryReplica: "p",
  primarySinceTerm: 3n,
  synced: ["b"],
  transition: { kind: "addBackup", by: "p", replica: "b" },
  wanted: true,
  isCandidate: true,
  primaryIsGone: false,
  askerIsCutOff: false,
};
const promotedVm: TermFacts = {
  ...protectedVm,
  term: 6n,
  primaryReplica: "b",
  primarySinceTerm: 6n,
  synced: [],
  transition: { kind: "promote", by: "b", replica: "b" },
};
const soloVm: TermFacts = { ...protectedVm, term: 6n, synced: [], transition: { kind: "goSolo", by: "p", replica: "b" } };

/** Of two backups `b` was promoted, and `c` follows it. */
const heirVm: TermFacts = { ...promotedVm, synced: ["c"] };

const promote = (asker: string, term: bigint, keeps: (member: string) => boolean = () => true): TermChange => ({
  kind: "promote",
  vmId: "vm",
  asker,
  term,
  keeps,
});
const goSolo = (asker: string, term: bigint, lost = "b"): TermChange => ({
  kind: "goSolo",
  vmId: "vm",
  asker,
  term,
  lost,
  reason: "connection_lost",
});
const addBackup = (asker: string, term: bigint, backup = "c"): TermChange => ({ kind: "addBackup", vmId: "vm", asker, term, backup });

function check(vm: TermFacts, change: TermChange, wanted: TermDecision): void {
  expect(decideTermChange(vm, change)).toBe(wanted);
}

describe("promote", () => {
  test("a member, in the current term", () => check(protectedVm, promote("b", 5n), "change"));
  test("a member that was not told the newest terms", () => {
    check(protectedVm, promote("b", 4n), "change");
    check(protectedVm, promote("b", 3n), "change");
  });
  test("whoever asks from before the present primary follows that", () => check(protectedVm, promote("b", 2n), "follow"));
  test("not one that asks from the future", () => check(protectedVm, promote("b", 6n), "refuse"));
  test("not one that is no member", () => {
    check(protectedVm, promote("c", 5n), "refuse");
    check(soloVm, promote("b", 5n), "refuse");
    check(soloVm, promote("b", 6n), "refuse");
  });
  test("not the primary", () => check({ ...protectedVm, synced: ["b", "p"] }, promote("p", 5n), "refuse"));
  test("not in a VM whose guest is over", () => check({ ...protectedVm, wanted: false }, promote("b", 5n), "refuse"));
  test("again, what was granted", () => {
    check(promotedVm, promote("b", 5n), "repeat");
    check(promotedVm, promote("b", 4n), "repeat");
    check(promotedVm, promote("b", 6n), "refuse");
  });
});

describe("promote, where another one was promoted", () => {
  test("is told to follow that, while it is there", () => {
    check(heirVm, promote("c", 5n), "follow");
    check(heirVm, promote("c", 3n), "follow");
    check({ ...heirVm, term: 8n, transition: { kind: "goSolo", by: "b", replica: "d" } }, promote("c", 5n), "follow");
  });
  test("a member that knows of it, and one that does not when that one is gone", () => {
    check(heirVm, promote("c", 6n), "change");
    check({ ...heirVm, primaryIsGone: true }, promote("c", 5n), "change");
  });
  test("not who is no member, gone or not", () => {
    check(heirVm, promote("p", 5n), "refuse");
    check({ ...heirVm, primaryIsGone: true }, promote("p", 5n), "refuse");
    check({ ...heirVm, synced: [], primaryIsGone: true }, promote("c", 5n), "refuse");
  });
  test("not from the future, and not in a VM whose guest is over", () => {
    check({ ...heirVm, primaryIsGone: true }, promote("c", 7n), "refuse");
    check({ ...heirVm, primaryIsGone: true, wanted: false }, promote("c", 5n), "refuse");
    check({ ...heirVm, wanted: false }, promote("c", 5n), "refuse");
  });
  test("again, what was granted", () => check(heirVm, promote("b", 5n), "repeat"));
  test("keeps of the others whom it would go on with", () => {
    expect(syncedAfter(["b", "c", "d"], promote("c", 5n))).toEqual(["b", "d"]);
    expect(
      syncedAfter(
        ["b", "c", "d"],
        promote("c", 5n, (member) => member === "d"),
      ),
    ).toEqual(["d"]);
  });
});

describe("go solo", () => {
  test("the primary, in the current term", () => check(protectedVm, goSolo("p", 5n), "change"));
  test("the primary that was not told of its own addition", () => check(protectedVm, goSolo("p", 4n), "change"));
  test("the primary, without a backup that is in the set", () => check(soloVm, goSolo("p", 6n, "c"), "change"));
  test("not in an older term", () => check(protectedVm, goSolo("p", 3n), "refuse"));
  test("not a former primary", () => {
    check(promotedVm, goSolo("p", 5n), "refuse");
    check(promotedVm, goSolo("p", 6n), "refuse");
  });
  test("not a backup", () => check(protectedVm, goSolo("b", 5n), "refuse"));
  test("again, what was granted", () => {
    check(soloVm, goSolo("p", 5n), "repeat");
    check(soloVm, goSolo("p", 4n), "repeat");
    check(soloVm, goSolo("p", 5n, "c"), "refuse");
  });
  test("also in a VM whose guest is over", () => check({ ...protectedVm, wanted: false }, goSolo("p", 5n), "change"));
});

describe("add a backup", () => {
  test("the primary, in the current term", () => check(soloVm, addBackup("p", 6n), "change"));
  test("not in another term", () => {
    check(soloVm, addBackup("p", 5n), "refuse");
    check(soloVm, addBackup("p", 7n), "refuse");
  });
  test("not one that is no candidate", () => check({ ...soloVm, isCandidate: false }, addBackup("p", 6n), "refuse"));
  test("not itself, and not twice", () => {
    check(soloVm, addBackup("p", 6n, "p"), "refuse");
    check(protectedVm, addBackup("p", 5n, "b"), "refuse");
  });
  test("not by a backup or a former primary", () => {
    check(protectedVm, addBackup("b", 5n), "refuse");
    check(promotedVm, addBackup("p", 6n), "refuse");
  });
  test("again, what was granted, though the backup is no candidate any more", () => {
    check(protectedVm, addBackup("p", 4n, "b"), "repeat");
    check({ ...protectedVm, isCandidate: false }, addBackup("p", 4n, "b"), "repeat");
    check(protectedVm, addBackup("p", 4n, "c"), "refuse");
  });
  test("not in a VM whose guest is over", () => check({ ...soloVm, wanted: false }, addBackup("p", 6n), "refuse"));
});

test("no two requests of a pair are both granted", () => {
  // After any grant, the row is as the test's own rows say; the other side's request in the old term then finds it changed.
  check(promotedVm, goSolo("p", 5n), "refuse");
  check(promotedVm, goSolo("p", 4n), "refuse");
  check(soloVm, promote("b", 5n), "refuse");
  check(soloVm, promote("b", 4n), "refuse");
});

test("nothing is granted to a replica on a fenced worker, not even what it was granted before", () => {
  const asked: [TermFacts, TermChange, TermDecision][] = [
    [protectedVm, promote("b", 5n), "change"],
    [heirVm, promote("c", 5n), "follow"],
    [protectedVm, goSolo("p", 5n), "change"],
    [protectedVm, addBackup("p", 5n), "change"],
    [soloVm, goSolo("p", 5n), "repeat"],
  ];
  for (const [vm, change, otherwise] of asked) {
    check(vm, change, otherwise);
    check({ ...vm, askerIsCutOff: true }, change, "refuse");
  }
});
