/** Text frames of the control channel: what goes in comes out, and what is malformed is named. */
import { describe, expect, test } from "vitest";
import { decodeControlMessage, decodeWorkerMessage, encodeControlChannelMessage } from "../../src/wire/control-codec.ts";
import type { ControlMessage, ReplicaReport, WorkerMessage } from "../../src/wire/control-messages.ts";

const SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e";
const U64_MAX = "18446744073709551615";

const report: ReplicaReport = {
  replicaId: "rep_1",
  vmId: "vm_1",
  role: "primary",
  state: "live",
  term: "3",
  epoch: "17",
  instant: U64_MAX,
  synced: ["rep_2"],
  joining: null,
  transfer: { backup: "rep_2", round: 2, stateBytes: 40_960, sentBytes: 15_000, remainingPages: 7, guestShare: 90, progress: 0.5 },
  lagInstructions: "0",
  lag: { ms: 1.5, maxMs: 2000, executionDelay: null, outputCommitDelay: { counts: [0, 4, 1], sumUs: 700 } },
  consoleOldest: "0",
  consoleEnd: "12",
  arbiterUnavailable: false,
  paused: false,
  guestHalt: null,
  haltReason: null,
  message: null,
  promotion: { detectMs: 1.5, arbitrateMs: 2, promoteMs: 0, instant: "1", consoleEnd: "2" },
  divergence: {
    replicaId: "rep_2",
    epoch: "1",
    expected: "a",
    actual: "b",
    lastEqualInstant: null,
    pages: [{ page: "hart", expected: "c", actual: "d" }],
    pageCount: 1,
  },
  hashesCompared: null,
  logBytes: "0",
  lastPairing: { backup: "rep_2", totalMs: 1, pauseMs: 1, rounds: 1, bytes: "3", sentBytes: "2" },
  translation: {
    regions: 3,
    installed: 7,
    shared: 2,
    evicted: 1,
    optimised: 1,
    exits: { jump: 5, interpret: 4 },
    translatedInstructions: 1000,
    interpretedInstructions: 10,
    compileMs: 12.5,
  },
};

const WORKER: readonly WorkerMessage[] = [
  {
    type: "hello",
    protocol: 1,
    name: "one",
    incarnation: SESSION,
    pid: 1,
    host: "host",
    zone: null,
    loggingAddress: { host: "127.0.0.1", port: 9 },
    memoryMiB: 1024,
    cores: 2,
    version: "0.1.0",
    nodeVersion: "v20",
    buildDigest: "00",
    replicas: [report],
  },
  { type: "replicaReport", report },
  { type: "replicaGone", consoleEnd: "77", replicaId: "rep_1" },
  { type: "arbiterRequest", requestId: "1", vmId: "vm_1", replicaId: "rep_1", request: { kind: "promote", term: "1" } },
  {
    type: "arbiterRequest",
    requestId: "1",
    vmId: "vm_1",
    replicaId: "rep_1",
    request: { kind: "promote", term: "1", keepsOthers: true },
  },
  {
    type: "arbiterRequest",
    requestId: "1",
    vmId: "vm_1",
    replicaId: "rep_1",
    request: { kind: "goSolo", term: "1", lost: "rep_2", reason: "divergence" },
  },
  { type: "arbiterRequest", requestId: "1", vmId: "vm_1", replicaId: "rep_1", request: { kind: "addBackup", term: "1", backup: "rep_2" } },
  { type: "consoleSubscribed", subscription: 4, from: "0", oldest: "0", end: "1", term: "1" },
  { type: "consoleClosed", subscription: 4, code: "guest_halted" },
  { type: "consoleInputAck", subscription: 4, inputSession: SESSION, inputNext: "7", durability: "solo" },
  { type: "consoleInputRefused", subscription: 4, inputSession: SESSION, inputNext: "7", code: "input_buffer_full" },
  { type: "consoleSession", subscription: 4, inputSession: SESSION, inputNext: "7" },
];

const CONTROL: readonly ControlMessage[] = [
  { type: "welcome", workerId: "wrk_1" },
  { type: "refused", code: "name_in_use", message: "no" },
  {
    type: "createReplica",
    vmId: "vm_1",
    replicaId: "rep_1",
    role: "backup",
    term: "1",
    spec: {
      memoryMiB: 128,
      cmdline: "",
      kernelDigest: "sha256:0",
      initramfsDigest: "sha256:1",
      heartbeatTimeoutMs: 300,
      maxLagMs: 2000,
      consoleBase: "512",
    },
    channelSecret: "s",
  },
  { type: "pair", replicaId: "rep_1", backup: { replicaId: "rep_2", address: { host: "h", port: 1 }, channelSecret: "s" } },
  {
    type: "pair",
    replicaId: "rep_1",
    backup: { replicaId: "rep_2", address: { host: "h", port: 1 }, channelSecret: "s", workerId: "wrk_1", tls: true },
  },
  { type: "expectPrimary", replicaId: "rep_2", primary: { replicaId: "rep_1", workerId: "wrk_2" } },
  { type: "cutOff", workerId: "wrk_2" },
  { type: "dropReplica", replicaId: "rep_1", reason: "gone" },
  { type: "setMaxLag", replicaId: "rep_1", maxLagMs: 500 },
  { type: "promote", replicaId: "rep_1", handOver: true },
  { type: "failPrimary", replicaId: "rep_1" },
  { type: "setPaused", replicaId: "rep_1", paused: true },
  { type: "shutDown", replicaId: "rep_1" },
  { type: "arbiterAnswer", requestId: "1", outcome: "unavailable", term: "1" },
  { type: "arbiterAnswer", requestId: "1", outcome: "follow", term: "2", synced: ["rep_3"] },
  { type: "consoleSubscribe", subscription: 1, replicaId: "rep_1", from: "0" },
  { type: "consoleUnsubscribe", subscription: 1 },
  { type: "consoleSession", subscription: 1, inputSession: SESSION },
];

describe("a message", () => {
  test.each(WORKER.map((message) => [message.type, message] as const))("of a worker comes out as it went in: %s", (_type, message) => {
    expect(decodeWorkerMessage(encodeControlChannelMessage(message))).toEqual(message);
  });

  test.each(CONTROL.map((message) => [message.type, message] as const))(
    "of the control plane comes out as it went in: %s",
    (_type, message) => {
      expect(decodeControlMessage(encodeControlChannelMessage(message))).toEqual(message);
    },
  );

  test("may say more than this build knows", () => {
    expect(decodeWorkerMessage('{"type":"replicaGone","replicaId":"rep_1","consoleEnd":null,"since":7}')).toMatchObject({
      replicaId: "rep_1",
    });
  });
});

describe("a malformed message names what is wrong", () => {
  const without = (message: object, field: string) => JSON.stringify({ ...message, [field]: undefined });
  const check = (text: string, says: RegExp) => {
    expect(() => decodeWorkerMessage(text)).toThrow(says);
    expect(() => decodeWorkerMessage(text)).toThrow(expect.objectContaining({ code: "malformed_message" }));
  };

  test("no JSON", () => check("{", /not JSON/));
  test("no object", () => check("7", /an object was wanted/));
  test("no type", () => check("{}", /\/type is missing/));
  test("another type", () => check('{"type":"promote"}', /\/type is "promote"/));
  test("a type that every object has", () => check('{"type":"constructor"}', /\/type is "constructor"/));
  test("a field that is missing", () => {
    for (const message of WORKER) {
      for (const field of Object.keys(message)) check(without(message, field), new RegExp(`/${field} is missing`));
    }
  });
  test("a field deep inside", () =>
    check(JSON.stringify({ type: "replicaReport", report: { ...report, synced: ["a", 7] } }), /\/report\/synced\/1 is 7/));
  test("a number that is too large", () =>
    check(JSON.stringify({ type: "replicaReport", report: { ...report, term: "18446744073709551616" } }), /\/report\/term/));
  test("a number with a sign or a leading zero", () => {
    for (const term of ["-1", "01", "1.0", " 1", ""])
      check(JSON.stringify({ type: "replicaReport", report: { ...report, term } }), /\/report\/term/);
  });
  test("an input session that is no lower-case UUID", () =>
    check(JSON.stringify({ type: "consoleSession", subscription: 1, inputSession: SESSION.toUpperCase(), inputNext: "0" }), /UUID/));
});
