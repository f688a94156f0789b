/** What a replica refuses to go on from, and what it says of itself; its behaviour is in the transcripts. */
import { expect, test } from "vitest";
import { InvariantViolation } from "../../src/base/errors.ts";
import type { EpochRecord, ExecutionPoint, ReplicaInput } from "../../src/hypervisor/messages.ts";
import { createBackup, createPrimary } from "../../src/hypervisor/replica.ts";

const config = {
  replicaId: "rep_a",
  heartbeatIntervalMs: 100,
  heartbeatTimeoutMs: 300,
  maxLagMs: 2000,
  epochTargetMs: 5,
  hashIntervalMs: 1000,
};
const point: ExecutionPoint = { epoch: 7n, instant: 1000n, time: 50n, wakeTime: null, waiting: true, consoleEnd: 3n };
const record: EpochRecord = { epoch: 7n, clock: { time: 60n, rate: 1 }, inputs: [], endInstant: 2000n, stateHash: null };
const ended: ReplicaInput = {
  kind: "epochEnded",
  endInstant: 10n,
  reason: "wfi",
  time: 1n,
  wakeTime: null,
  consoleEnd: 0n,
  halt: null,
  inputRoom: 65536,
  entropyWanted: 0,
  stateHash: null,
  begun: null,
};

/** A backup that has received the end of a state and is verifying it. */
function verifying() {
  const backup = createBackup({ ...config, replicaId: "rep_b" });
  backup.step({ kind: "started" }, 0);
  backup.step({ kind: "channelOpened", peer: "rep_a" }, 0);
  backup.step({ kind: "message", peer: "rep_a", message: { kind: "stateEnd", term: 3n, point, clockTime: 55n, stateHash: 9n } }, 0);
  return backup;
}

const violations: readonly (readonly [string, () => void])[] = [
  [
    "time that goes back",
    () => {
      const primary = createPrimary(config, 1n);
      primary.step({ kind: "started" }, 10);
      primary.step({ kind: "timeout", timer: { kind: "wake" } }, 9);
    },
  ],
  ["an input before it was started", () => createPrimary(config, 1n).step(ended, 0)],
  [
    "an epoch that ends twice",
    () => {
      const primary = createPrimary(config, 1n);
      primary.step({ kind: "started" }, 0);
      primary.step(ended, 1);
      primary.step(ended, 2);
    },
  ],
  [
    "an epoch that ends beyond its limit",
    () => {
      const primary = createPrimary(config, 1n);
      primary.step({ kind: "started" }, 0);
      primary.step({ ...ended, endInstant: 10n ** 12n } as ReplicaInput, 1);
    },
  ],
  [
    "an engine that answers what it was not asked",
    () => {
      const primary = createPrimary(config, 1n);
      primary.step({ kind: "started" }, 0);
      primary.step({ kind: "stateApplied", bytes: 1 }, 1);
    },
  ],
  [
    "a hole in the log",
    () => verifying().step({ kind: "message", peer: "rep_a", message: { kind: "epoch", term: 3n, record: { ...record, epoch: 8n } } }, 1),
  ],
  ["a record of another term", () => verifying().step({ kind: "message", peer: "rep_a", message: { kind: "epoch", term: 4n, record } }, 1)],
  [
    "a term that goes back",
    () => verifying().step({ kind: "message", peer: "rep_a", message: { kind: "termChanged", term: 3n, synced: [] } }, 1),
  ],
  [
    "a primary that sends what only a backup sends",
    () => verifying().step({ kind: "message", peer: "rep_a", message: { kind: "stateVerified", epoch: 7n } }, 1),
  ],
];

for (const [what, act] of violations) {
  test(`a replica does not go on from ${what}`, () => expect(act).toThrow(InvariantViolation));
}

test("what a stranger sends or closes is not heard", () => {
  const backup = verifying();
  expect(backup.step({ kind: "message", peer: "rep_x", message: { kind: "epoch", term: 9n, record } }, 1)).toEqual([]);
  expect(backup.step({ kind: "channelClosed", peer: "rep_x" }, 2)).toEqual([]);
  expect(backup.step({ kind: "channelOpened", peer: "rep_x" }, 3)).toEqual([{ kind: "closeChannel", peer: "rep_x" }]);
});

test("a backup knows the input sessions that came with the state", () => {
  const backup = verifying();
  backup.step(
    { kind: "stateHashed", stateHash: 9n, inputSessions: new Map([["s", 12n]]), inputRoom: 65536, entropyWanted: 0, wallOffsetNs: 0n },
    1,
  );
  expect(backup.inputNext("s")).toBe(12n);
  expect(backup.inputNext("t")).toBe(0n);
});

test("a promoted replica says how long detection, arbitration and promotion took", () => {
  const backup = verifying();
  backup.step({ kind: "stateHashed", stateHash: 9n, inputSessions: new Map(), inputRoom: 65536, entropyWanted: 0, wallOffsetNs: 0n }, 1000);
  backup.step({ kind: "message", peer: "rep_a", message: { kind: "epoch", term: 3n, record } }, 2000);
  backup.step({ kind: "timeout", timer: { kind: "silence" } }, 302_001);
  backup.step({ kind: "arbiterAnswered", request: { kind: "promote", term: 3n }, outcome: "granted", term: 4n, synced: [] }, 305_001);
  backup.step({ ...ended, endInstant: 2000n, time: 61n, consoleEnd: 8n } as ReplicaInput, 309_001);
  expect(backup.status()).toMatchObject({
    role: "primary",
    state: "live",
    term: 4n,
    synced: [],
    promotion: {
      detectUs: 300_001,
      arbitrateUs: 3000,
      promoteUs: 4000,
      instant: 2000n,
      consoleEnd: 8n,
      verified: { instant: 1000n, stateHash: 9n },
    },
  });
});

test("a backup that answers heartbeats and applies nothing of the state for half a minute is let go, and another can join", () => {
  const primary = createPrimary(config, 1n);
  let nowUs = 0;
  const step = (input: ReplicaInput, afterUs = 10) => primary.step(input, (nowUs += afterUs));
  step({ kind: "started" });
  step(ended);
  step({ kind: "channelOpened", peer: "rep_b" });
  const captured = { kind: "stateCaptured", peer: "rep_b", bytes: 2 * 1024 * 1024, pagesLeft: 10_000, round: 1, stateHash: null } as const;
  // Until so much is under way that the transfer waits for a report of the backup.
  while (step({ ...captured, pageChanges: null }, 1000).some(({ kind }) => kind === "captureState"));
  const closed: [number, string][] = [];
  const beat = () => {
    const effects = [
      ...step({ kind: "timeout", timer: { kind: "heartbeat" } }, 100_000),
      ...step({ kind: "message", peer: "rep_b", message: { kind: "ack", received: null, applied: null, appliedInstant: 0n } }),
      ...step({ kind: "timeout", timer: { kind: "silence" } }),
    ];
    for (const effect of effects) if (effect.kind === "closeChannel") closed.push([Math.floor(nowUs / 1_000_000), effect.peer]);
  };
  while (nowUs < 20_000_000) beat();
  step({ kind: "message", peer: "rep_b", message: { kind: "stateReceived", bytes: 1024 } });
  while (nowUs < 60_000_000) beat();
  expect(closed).toEqual([[50, "rep_b"]]);
  expect([primary.status().joining, primary.status().synced]).toEqual([null, []]);
  step({ kind: "channelOpened", peer: "rep_c" });
  expect(primary.status().joining).toBe("rep_c");
});
