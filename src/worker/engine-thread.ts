/**
 * The thread of one replica's machine: owns the VirtualMachine and nothing else.
 *
 * It executes one command at a time, answers it, and sleeps in its event loop for the next one. Where it is allowed to, it goes on
 * with the next epoch instead, so that a guest that computes does not stand still for each word. Whatever goes wrong
 * here, the guest's state can no longer be trusted: the thread dies of it, and the driver halts this replica. What is
 * the world's fault (no memory, a kernel that is none) is told with its code first.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert, unreachable } from "../base/assert.ts";
import { UnderstudyError } from "../base/errors.ts";
import { StopRequest } from "../engine/stop-request.ts";
import { VirtualMachine } from "../engine/virtual-machine.ts";
import type { AllowedEpoch } from "../hypervisor/messages.ts";
import { AllowedEpochWords } from "./allowed-epoch.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { ConsoleOutput, EngineCommand, EngineReply, EngineThreadData } from "./engine-commands.ts";
import { IdleCompaction } from "./idle-compaction.ts";
import { nowUs } from "./monotonic-clock.ts";
import { RemoteCompiler } from "./remote-compiler.ts";
import type { TranslationStatistics } from "./replica-report.ts";
import { STATE_PART_BYTES, unpackState } from "./state-compression.ts";
import { withoutYielding, yieldToOtherThreads } from "./thread-priority.ts";

/**
 * A guest that prints all the time gets one epoch, and one message to every reader, for so much of it; the first output
 * after a silence leaves at once.
 */
const GATHER_OUTPUT_MS = 2;
/** Not of more than this, though: all of an epoch's output is held until it is acknowledged. */
const GATHER_OUTPUT_BYTES = 64 * 1024;
/** As often as a replica is reported. */
const STATISTICS_INTERVAL_MS = 1000;

type RunEpoch = Extract<EngineCommand, { kind: "runEpoch" }>;
type EndedEpoch = Omit<Extract<EngineReply, { kind: "epochEnded" }>, "begun">;

const NOT_HASHED = { stateHash: null, pageChanges: null } as const;

const port = parentPort;
assert(port !== null, "the engine thread has a parent");
const { module, memoryMiB, stopMemory, allowedEpoch, compiler, flipBit } = workerData as EngineThreadData;

yieldToOtherThreads();
const stopRequest = new StopRequest(stopMemory);
const allowed = new AllowedEpochWords(allowedEpoch);

/** Null: everything is interpreted. */
const translator = compiler && new RemoteCompiler(compiler);
let machine = guarded(
  () => new VirtualMachine(module, { memoryMiB, stopRequest, ...(translator && { regions: { compiler: translator } }) }),
);
/** Console bytes below this offset have been handed to the main thread. */
let consoleDrained = 0n;
let capturing = false;
/** The epoch before ended for output too. */
let printing = false;
/** Instructions of all epochs; a backup's guest has executed others before, elsewhere. */
let executed = 0n;
/** When figures were sent last. */
let countedMs = Number.NEGATIVE_INFINITY;
let bitFlipped = flipBit === null;
const idleCompaction = new IdleCompaction((moved) => {
  machine = moved;
});

port.on("message", (command: EngineCommand) => {
  if (command.kind === "runEpoch") {
    for (let next: RunEpoch | null = command; next !== null; ) next = runAndAnswer(next);
    return;
  }
  answer(guarded(() => execute(command)));
  // The kernel's bytes, or the pages of a whole transfer, are needed no more.
  if (command.kind === "loadLinux" || command.kind === "verifyState") setImmediate(collectGarbage);
});

function guarded<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UnderstudyError)) throw error;
    port?.postMessage({ kind: "failed", code: error.code, message: error.message } satisfies EngineReply);
    process.exit(1); // of this thread; the message goes first
  }
}

function answer(reply: EngineReply): void {
  port?.postMessage(reply, transfers(reply));
}

/** @returns the epoch to go on with */
function runAndAnswer(command: RunEpoch): RunEpoch | null {
  const { epoch, exact } = command;
  const startInstant = machine.instant;
  const ended = guarded(() => runEpoch(command));
  const next = exact ? null : allowed.read(epoch + 1n);
  const instructions = ended.endInstant - startInstant;
  if (next === null || !mayGoOn(ended, next)) {
    answer({ ...ended, begun: null });
    if (!capturing) idleCompaction.epochEnded(machine, instructions, command.wantHash, performance.now());
    return null;
  }
  idleCompaction.worked(instructions);
  const startedUs = nowUs();
  const time = BigInt(startedUs) * 10n + next.clockOffset;
  const clock = { time: time < ended.time ? ended.time : time, rate: next.rate };
  const limitInstant = ended.endInstant + next.length;
  answer({ ...ended, begun: { clock, limitInstant, startedUs } });
  return { kind: "runEpoch", epoch: epoch + 1n, limitInstant, exact, clock, inputs: [], wantHash: false };
}

/** See `AllowedEpoch`. */
function mayGoOn({ reason, time, entropyWanted }: EndedEpoch, { beforeTime }: AllowedEpoch): boolean {
  return (reason === "limit" || reason === "output") && time < beforeTime && entropyWanted === 0 && !stopRequest.asked;
}

function execute(command: Exclude<EngineCommand, RunEpoch>): EngineReply {
  switch (command.kind) {
    case "loadLinux":
      machine.loadLinux(command);
      consoleDrained = machine.consoleEnd;
      return { kind: "loaded" };
    case "captureState":
      // The last one is a pause of the guest.
      return command.final ? withoutYielding(() => captureState(command)) : captureState(command);
    case "endTransfer":
      endTransfer();
      return { kind: "transferEnded" };
    case "applyState": {
      const pages = unpackState(command.pages);
      machine.applyState(pages);
      // What has arrived is hashed while more is on its way: the verification at the end then has little left to do.
      machine.hash();
      return { kind: "stateApplied", bytes: pages.length };
    }
    case "verifyState": {
      machine.finishRestore();
      const stateHash = machine.hash();
      machine.changedPages(); // Changes count from here.
      const offset = machine.consoleOldest;
      const bytes = machine.readConsole(offset);
      consoleDrained = machine.consoleEnd;
      return {
        kind: "stateHashed",
        stateHash,
        inputSessions: machine.inputSessions(),
        inputRoom: machine.inputRoom,
        entropyWanted: machine.entropyWanted,
        wallOffsetNs: machine.wallOffsetNs,
        console: { offset, bytes },
      };
    }
    default:
      return unreachable(command);
  }
}

function runEpoch(command: RunEpoch): EndedEpoch {
  machine.beginEpoch(command.clock, command.inputs);
  const console: ConsoleOutput[] = [];
  const startedMs = performance.now();
  const startInstant = machine.instant;
  let reason = machine.run(command.limitInstant, command.exact);
  drainConsole(console);
  // An exact run stops for output only where the ring in the machine's state is full: the epoch itself goes on. So it does, on
  // either side, in the middle of what the guest has sent at once.
  while (reason === "output" && (command.exact || machine.transmitting || (printing && mayWait(startedMs, console)))) {
    reason = machine.run(command.limitInstant, command.exact);
    drainConsole(console);
  }
  printing = reason === "output";
  executed += machine.instant - startInstant;
  const ended: EndedEpoch = {
    kind: "epochEnded",
    endInstant: machine.instant,
    reason,
    time: machine.time,
    wakeTime: machine.wakeTime,
    console,
    consoleEnd: machine.consoleEnd,
    halt: machine.halt,
    inputRoom: machine.inputRoom,
    entropyWanted: machine.entropyWanted,
    ...(command.wantHash ? { stateHash: machine.hash(), pageChanges: machine.changedPages() } : NOT_HASHED),
    translation: translationStatistics(reason === "halted"),
  };
  if (!bitFlipped && flipBit !== null && command.exact && command.wantHash) {
    bitFlipped = true;
    machine.flipBit(flipBit.page, flipBit.offset, flipBit.bit);
  }
  return ended;
}

/** @param last no epoch follows */
function translationStatistics(last: boolean): TranslationStatistics | null {
  const nowMs = performance.now();
  const regions = !last && nowMs - countedMs < STATISTICS_INTERVAL_MS ? null : machine.regionStatistics();
  if (regions === null || translator === null) return null;
  countedMs = nowMs;
  return { ...regions, executed: Number(executed), compileMs: translator.compileMs };
}

/** More output may be gathered: nobody asked for an early end, it is not much yet, and the first of it has not waited for long. */
function mayWait(sinceMs: number, gathered: readonly ConsoleOutput[]): boolean {
  if (gathered.reduce((bytes, output) => bytes + output.bytes.length, 0) >= GATHER_OUTPUT_BYTES) return false;
  return !stopRequest.asked && performance.now() - sinceMs < GATHER_OUTPUT_MS;
}

function drainConsole(into: ConsoleOutput[]): void {
  if (machine.consoleEnd === consoleDrained) return;
  into.push({ offset: consoleDrained, bytes: machine.readConsole(consoleDrained) });
  consoleDrained = machine.consoleEnd;
}

function captureState({ peer, first, maxBytes, final }: Extract<EngineCommand, { kind: "captureState" }>): EngineReply {
  if (first) {
    idleCompaction.stop();
    endTransfer();
    machine.beginCapture();
    capturing = true;
  }
  // A part ends with the page that reaches its bound. The last round takes all that is left; the guest does not run meanwhile.
  const parts: Uint8Array[] = [];
  let pagesLeft = 0;
  for (let bytes = 0; bytes < maxBytes; bytes += STATE_PART_BYTES) {
    const part = machine.captureState(STATE_PART_BYTES, false);
    pagesLeft = part.pagesLeft;
    if (part.pages.length > 0) parts.push(part.pages);
    if (pagesLeft === 0) break;
  }
  const round = machine.captureRound;
  if (final) parts.push(machine.captureState(0, true).pages);
  const hashed = final ? { stateHash: machine.hash(), pageChanges: machine.changedPages() } : NOT_HASHED;
  return { kind: "stateCaptured", peer, parts, pagesLeft, round, final, ...hashed };
}

function endTransfer(): void {
  if (capturing) machine.endCapture();
  capturing = false;
}

/** Buffers that the reply alone holds: they move instead of being copied. */
function transfers(reply: EngineReply): ArrayBuffer[] {
  const bytes: readonly Uint8Array[] =
    reply.kind === "epochEnded" ? reply.console.map((output) => output.bytes) : reply.kind === "stateCaptured" ? reply.parts : [];
  return [...new Set(bytes.map(({ buffer }) => buffer as ArrayBuffer))];
}
