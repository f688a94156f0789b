/**
 * Text frames of the control channel: JSON to `WorkerMessage` and `ControlMessage`, with every field checked.
 *
 * A message of an unknown type, or with a field that is missing or of the wrong shape, is `malformed_message` and names
 * the field. Fields that are not known are ignored: a newer peer may say more.
 */
import { UnderstudyError } from "../base/errors.ts";
import type { ControlMessage, WorkerMessage } from "./control-messages.ts";

export function encodeControlChannelMessage(message: WorkerMessage | ControlMessage): string {
  return JSON.stringify(message);
}

/** @throws {UnderstudyError} `malformed_message` */
export function decodeWorkerMessage(text: string): WorkerMessage {
  return decode(text, WORKER_MESSAGES) as WorkerMessage;
}

/** @throws {UnderstudyError} `malformed_message` */
export function decodeControlMessage(text: string): ControlMessage {
  return decode(text, CONTROL_MESSAGE) as ControlMessage;
}

/** Throws unless `value` is what is wanted; `at` is the path to it. */
type Check = (value: unknown, at: string) => void;

const string: Check = (value, at) => {
  if (typeof value !== "string") throw malformed(at, "a string", value);
};

const boolean: Check = (value, at) => {
  if (typeof value !== "boolean") throw malformed(at, "true or false", value);
};

const number: Check = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw malformed(at, "a number", value);
};

const natural: Check = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw malformed(at, "a natural number", value);
};

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const u64: Check = (value, at) => {
  if (typeof value !== "string" || !/^(0|[1-9][0-9]{0,19})$/.test(value) || BigInt(value) > U64_MAX) {
    throw malformed(at, "an unsigned 64-bit number as a decimal string", value);
  }
};

const uuid: Check = (value, at) => {
  if (typeof value !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
    throw malformed(at, "a lower-case UUID", value);
  }
};

function oneOf(...words: readonly string[]): Check {
  return (value, at) => {
    if (typeof value !== "string" || !words.includes(value)) throw malformed(at, `one of ${words.join(", ")}`, value);
  };
}

function nullable(check: Check): Check {
  return (value, at) => {
    if (value !== null) check(value, at);
  };
}

function optional(check: Check): Check {
  return (value, at) => {
    if (value !== undefined) check(value, at);
  };
}

/** Numbers by name. */
const counts: Check = (value, at) => {
  if (!isObject(value)) throw malformed(at, "an object", value);
  for (const [name, count] of Object.entries(value)) natural(count, `${at}/${name}`);
};

function list(check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value)) throw malformed(at, "a list", value);
    for (const [index, item] of value.entries()) check(item, `${at}/${index}`);
  };
}

function object(fields: Readonly<Record<string, Check>>): Check {
  return (value, at) => {
    if (!isObject(value)) throw malformed(at, "an object", value);
    for (const [name, check] of Object.entries(fields)) check(value[name], `${at}/${name}`);
  };
}

/** A closed union, told apart by the field `tag`. */
function union(tag: string, variants: Readonly<Record<string, Check>>): Check {
  return (value, at) => {
    if (!isObject(value)) throw malformed(at, "an object", value);
    const kind = value[tag];
    const check = typeof kind === "string" && Object.hasOwn(variants, kind) ? variants[kind] : undefined;
    if (check === undefined) throw malformed(`${at}/${tag}`, `one of ${Object.keys(variants).join(", ")}`, kind);
    check(value, at);
  };
}

const networkAddress = object({ host: string, port: natural });

const consoleRetention = object({ headBytes: natural, tailBytes: natural });

const delayCounts = object({ counts: list(natural), sumUs: natural });

const replicaReport = object({
  replicaId: string,
  vmId: string,
  role: oneOf("primary", "backup"),
  state: oneOf("syncing", "live", "promoting", "fenced", "stopped", "failed"),
  term: u64,
  epoch: u64,
  instant: u64,
  synced: list(string),
  joining: nullable(string),
  transfer: nullable(
    object({
      backup: string,
      round: natural,
      stateBytes: natural,
      sentBytes: natural,
      remainingPages: natural,
      guestShare: natural,
      progress: number,
    }),
  ),
  lagInstructions: u64,
  lag: optional(object({ ms: number, maxMs: natural, executionDelay: nullable(delayCounts), outputCommitDelay: nullable(delayCounts) })),
  consoleOldest: u64,
  consoleEnd: u64,
  console: optional(consoleRetention),
  arbiterUnavailable: boolean,
  paused: boolean,
  guestHalt: nullable(oneOf("poweroff", "reboot", "panic")),
  haltReason: nullable(string),
  message: nullable(string),
  promotion: nullable(
    object({
      detectMs: number,
      arbitrateMs: number,
      promoteMs: number,
      instant: u64,
      consoleEnd: u64,
      firstOutputMs: optional(nullable(number)),
      verified: optional(object({ instant: u64, stateHash: string })),
    }),
  ),
  divergence: nullable(
    object({
      replicaId: string,
      epoch: u64,
      expected: string,
      actual: string,
      lastEqualInstant: nullable(u64),
      pages: list(object({ page: string, expected: string, actual: string })),
      pageCount: natural,
    }),
  ),
  hashesCompared: optional(nullable(natural)),
  logBytes: u64,
  lastPairing: nullable(object({ backup: string, totalMs: number, pauseMs: number, rounds: natural, bytes: u64, sentBytes: u64 })),
  translation: optional(
    nullable(
      object({
        regions: natural,
        installed: natural,
        shared: natural,
        evicted: natural,
        optimised: natural,
        exits: counts,
        translatedInstructions: natural,
        interpretedInstructions: natural,
        compileMs: number,
      }),
    ),
  ),
});

const WORKER_MESSAGES = union("type", {
  hello: object({
    protocol: natural,
    name: string,
    incarnation: uuid,
    pid: natural,
    host: string,
    zone: nullable(string),
    loggingAddress: networkAddress,
    loggingTls: optional(boolean),
    cutsOff: optional(boolean),
    memoryMiB: natural,
    cores: natural,
    version: string,
    nodeVersion: string,
    buildDigest: string,
    replicas: list(replicaReport),
  }),
  replicaReport: object({ report: replicaReport }),
  replicaGone: object({ replicaId: string, consoleEnd: nullable(u64) }),
  arbiterRequest: object({
    requestId: string,
    vmId: string,
    replicaId: string,
    request: union("kind", {
      promote: object({ term: u64, keepsOthers: optional(boolean) }),
      goSolo: object({ term: u64, lost: string, reason: string }),
      addBackup: object({ term: u64, backup: string }),
    }),
  }),
  consoleSubscribed: object({ subscription: natural, from: u64, base: optional(u64), oldest: u64, end: u64, term: u64 }),
  consoleClosed: object({ subscription: natural, code: oneOf("replica_gone", "not_primary", "guest_halted") }),
  consoleInputAck: object({ subscription: natural, inputSession: uuid, inputNext: u64, durability: oneOf("replicated", "solo") }),
  consoleInputRefused: object({
    subscription: natural,
    inputSession: uuid,
    inputNext: u64,
    code: oneOf("input_offset_gap", "input_session_expired", "not_primary", "input_buffer_full"),
  }),
  consoleSession: object({ subscription: natural, inputSession: uuid, inputNext: u64 }),
});

const CONTROL_MESSAGES = union("type", {
  welcome: object({ workerId: string }),
  refused: object({ code: string, message: string }),
  createReplica: object({
    vmId: string,
    replicaId: string,
    role: oneOf("primary", "backup"),
    term: u64,
    spec: object({
      memoryMiB: natural,
      cmdline: string,
      kernelDigest: string,
      initramfsDigest: string,
      heartbeatTimeoutMs: natural,
      maxLagMs: natural,
      consoleBase: u64,
      console: optional(consoleRetention),
    }),
    channelSecret: string,
    paused: optional(boolean),
  }),
  pair: object({
    replicaId: string,
    backup: object({
      replicaId: string,
      address: networkAddress,
      channelSecret: string,
      workerId: optional(string),
      tls: optional(boolean),
      takesHistory: optional(boolean),
    }),
  }),
  expectPrimary: object({ replicaId: string, primary: object({ replicaId: string, workerId: string }) }),
  cutOff: object({ workerId: string }),
  dropReplica: object({ replicaId: string, reason: string }),
  setMaxLag: object({ replicaId: string, maxLagMs: natural }),
  setConsoleRetention: object({ replicaId: string, headBytes: natural, tailBytes: natural }),
  promote: object({ replicaId: string, handOver: boolean }),
  failPrimary: object({ replicaId: string }),
  setPaused: object({ replicaId: string, paused: boolean }),
  shutDown: object({ replicaId: string }),
  arbiterAnswer: object({
    requestId: string,
    outcome: oneOf("granted", "refused", "follow", "unavailable"),
    term: u64,
    synced: optional(list(string)),
  }),
  consoleSubscribe: object({ subscription: natural, replicaId: string, from: u64 }),
  consoleUnsubscribe: object({ subscription: natural }),
  consoleSession: object({ subscription: natural, inputSession: uuid }),
});

const origin = object({ origin: optional(object({ requestId: string, traceparent: string })), traceparent: optional(string) });

const CONTROL_MESSAGE: Check = (value, at) => {
  CONTROL_MESSAGES(value, at);
  origin(value, at);
};

function decode(json: string, check: Check): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new UnderstudyError("malformed_message", "Cannot read the control message: it is not JSON", { cause });
  }
  check(value, "");
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(at: string, wanted: string, value: unknown): UnderstudyError {
  const found = value === undefined ? "missing" : (JSON.stringify(value) ?? String(value)).slice(0, 60);
  return new UnderstudyError("malformed_message", `Cannot read the control message: ${at || "/"} is ${found}, ${wanted} was wanted`);
}
