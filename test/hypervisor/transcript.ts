/**
 * Plays a transcript: a text in which every line that is not indented is an input, and the indented lines below it are the
 * effects that the replica answered with.
 *
 *     # comment
 *     primary A in term 1                      a new VM's first replica; `, paused`: its guest is not to begin
 *     backup B                                 a replica without state
 *     protected A with B in term 2             A has brought B its state, at 1 ms (steps not shown); the guest waits
 *     config maxLagMs 400                      before the replicas that it is for
 *     cut A B                                  whatever is under way between the two is lost
 *
 *     5ms A <input>                            see `parseInput`
 *         effect
 *
 * What a replica sends waits in the channel until the receiver's line `receives <kind>` takes it out, in order. The
 * player answers nothing by itself: the engine, the arbiter, the timers and the clock are lines of the text.
 */
import type { ClockSample, EpochEnd, EpochInput, GuestHalt } from "../../src/engine/epoch.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import type {
  AllowedEpoch,
  ArbiterOutcome,
  ArbiterRequest,
  BegunEpoch,
  Effect,
  InputContent,
  LoggingChannelMessage,
  Replica,
  ReplicaConfig,
  ReplicaInput,
  TimerId,
} from "../../src/hypervisor/messages.ts";
import { createBackup, createPrimary } from "../../src/hypervisor/replica.ts";

interface Actor {
  readonly name: string;
  readonly replica: Replica;
  nowUs: number;
  /** What the engine runs, and is to run next: `epoch ended` is filled in from the first. */
  epochs: { readonly clock: ClockSample; readonly startInstant: bigint; readonly limitInstant: bigint }[];
  allowed: AllowedEpoch | null;
  capturing: { readonly peer: string } | null;
  applying: number;
  asked: ArbiterRequest | null;
  consoleEnd: bigint;
}

const OUTCOMES: Readonly<Record<string, ArbiterOutcome>> = {
  grants: "granted",
  "refuses, it is": "refused",
  "says to follow, it is": "follow",
  "is unavailable": "unavailable",
};

const DEFAULTS = { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 300, maxLagMs: 2000, epochTargetMs: 5, hashIntervalMs: 0 };

/** Readable names for input sessions: s1, s2, .. */
function sessionUuid(name: string): string {
  return `00000000-0000-4000-8000-${name.slice(1).padStart(12, "0")}`;
}

function sessionName(uuid: string): string {
  return `s${Number(uuid.slice(-12))}`;
}

/** @returns the whole transcript with the effects as they are now */
export function playTranscript(text: string): string {
  const player = new Player();
  const out: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("    ")) continue;
    out.push(line);
    if (line === "" || line.startsWith("#")) continue;
    try {
      for (const effect of player.play(line)) out.push(`    ${effect}`);
    } catch (error) {
      throw new Error(`Cannot play "${line}": ${(error as Error).message}`, { cause: error });
    }
  }
  return out.join("\n");
}

class Player {
  private readonly actors = new Map<string, Actor>();
  private readonly channels = new Map<string, LoggingChannelMessage[]>();
  private readonly config = { ...DEFAULTS };

  play(line: string): string[] {
    let match = /^config (\w+) (\d+)$/.exec(line);
    if (match !== null) {
      const name = match[1] as keyof typeof DEFAULTS;
      if (!(name in DEFAULTS)) throw new Error(`no setting "${name}"`);
      this.config[name] = Number(match[2]);
      return [];
    }
    match = /^primary (\w+) in term (\d+)(, paused)?$/.exec(line);
    if (match !== null) {
      this.enter(match[1] as string, (config) => createPrimary(config, BigInt(match?.[2] as string), 0n, match?.[3] !== undefined));
      return [];
    }
    match = /^backup (\w+)$/.exec(line);
    if (match !== null) {
      this.enter(match[1] as string, createBackup);
      return [];
    }
    match = /^protected (\w+) with (\w+(?: and \w+)*) in term (\d+)$/.exec(line);
    if (match !== null) {
      this.protect(match[1] as string, (match[2] as string).split(" and "), BigInt(match[3] as string));
      return [];
    }
    match = /^cut (\w+) (\w+)$/.exec(line);
    if (match !== null) {
      this.channels.delete(`${match[1]}>${match[2]}`);
      this.channels.delete(`${match[2]}>${match[1]}`);
      return [];
    }
    match = /^(\d+(?:\.\d+)?)ms (\w+) (.+)$/.exec(line);
    if (match === null) throw new Error("it is neither a time and an input nor a setting");
    const actor = this.actor(match[2] as string);
    actor.nowUs = Math.round(Number(match[1]) * 1000);
    return this.step(actor, match[3] as string);
  }

  private enter(name: string, create: (config: ReplicaConfig) => Replica): void {
    if (this.actors.has(name)) throw new Error(`there is a replica ${name} already`);
    this.actors.set(name, {
      name,
      replica: create({ replicaId: name, ...this.config }),
      nowUs: 0,
      epochs: [],
      allowed: null,
      capturing: null,
      applying: 0,
      asked: null,
      consoleEnd: 0n,
    });
  }

  /** The common beginning of most stories: epoch 0 has run, the guest waits at instant 1000 for input, the backups have all of it. */
  private protect(primary: string, backups: readonly string[], term: bigint): void {
    this.enter(primary, (config) => createPrimary(config, term - BigInt(backups.length)));
    const A = this.actor(primary);
    A.nowUs = 1000;
    this.step(A, "started");
    for (const [index, backup] of backups.entries()) {
      const isFirst = index === 0;
      this.join(A, backup, isFirst ? ["epoch ended at 1000, wfi"] : [], term - BigInt(backups.length - 1 - index));
      for (const earlier of backups.slice(0, index)) this.step(this.actor(earlier), "receives termChanged");
    }
  }

  private join(A: Actor, backup: string, first: readonly string[], term: bigint): void {
    this.enter(backup, createBackup);
    const B = this.actor(backup);
    B.nowUs = A.nowUs;
    const story: readonly (readonly [Actor, string])[] = [
      [B, "started"],
      [A, `channel to ${backup} opened`],
      [B, `channel to ${A.name} opened`],
      ...first.map((input) => [A, input] as const),
      [A, "captured 100 bytes, 0 pages left"],
      [A, "captured 10 bytes, 0 pages left, hash 7"],
      [B, "receives statePages"],
      [B, "applied"],
      [B, "receives statePages"],
      [B, "applied"],
      [B, "receives stateEnd"],
      [B, "hashed 7"],
      [A, "receives stateReceived"],
      [A, "receives stateReceived"],
      [A, "receives stateVerified"],
      [A, `arbiter grants term ${term}`],
      [B, "receives termChanged"],
    ];
    for (const [actor, input] of story) this.step(actor, input);
  }

  private actor(name: string): Actor {
    const actor = this.actors.get(name);
    if (actor === undefined) throw new Error(`there is no replica ${name}`);
    return actor;
  }

  private step(actor: Actor, text: string): string[] {
    const effects = actor.replica.step(this.parseInput(actor, text), actor.nowUs);
    return effects.map((effect) => {
      this.perform(actor, effect);
      return tellEffect(effect, actor);
    });
  }

  /** As much of a shell as the text needs: what was sent, asked for and run last. */
  private perform(actor: Actor, effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.channel(actor.name, effect.peer).push(effect.message);
        return;
      case "runEpoch":
        actor.epochs.push({
          clock: effect.clock,
          startInstant: actor.epochs.at(-1)?.limitInstant ?? actor.replica.status().point.instant,
          limitInstant: effect.limitInstant,
        });
        return;
      case "allowEpoch":
        actor.allowed = effect.next;
        return;
      case "captureState":
        actor.capturing = effect;
        return;
      case "applyState":
        actor.applying = effect.pages.length;
        return;
      case "askArbiter":
        actor.asked = effect.request;
        return;
      default:
        return;
    }
  }

  private channel(from: string, to: string): LoggingChannelMessage[] {
    const key = `${from}>${to}`;
    const channel = this.channels.get(key) ?? [];
    this.channels.set(key, channel);
    return channel;
  }

  private parseInput(actor: Actor, text: string): ReplicaInput {
    if (text === "started") return { kind: "started" };
    if (text === "planned promotion requested" || text === "forced promotion requested")
      return { kind: "promotionRequested", handOver: text === "planned promotion requested" };
    if (text === "failure requested") return { kind: "failureRequested" };
    if (text === "is to pause" || text === "is to resume") return { kind: "pauseRequested", paused: text === "is to pause" };
    if (text === "is to shut down") return { kind: "shutDownRequested" };

    let match = /^receives (\w+)(?: from (\w+))?$/.exec(text);
    if (match !== null) {
      for (const [key, channel] of this.channels) {
        const [from, to] = key.split(">") as [string, string];
        const head = channel[0];
        if (head === undefined || to !== actor.name || head.kind !== match[1] || (match[2] ?? from) !== from) continue;
        channel.shift();
        return { kind: "message", peer: from, message: head };
      }
      throw new Error(`no "${match[1]}" is next on a channel to ${actor.name}`);
    }
    match = /^channel to (\w+) (opened|closed)$/.exec(text);
    if (match !== null) return { kind: match[2] === "opened" ? "channelOpened" : "channelClosed", peer: match[1] as string };

    match = /^types "(.*)" at (\d+) of (s\d+)$/.exec(text);
    if (match !== null) return deviceInput(match[3] as string, match[2] as string, new TextEncoder().encode(match[1] as string));
    match = /^types (\d+) bytes at (\d+) of (s\d+)$/.exec(text);
    if (match !== null) return deviceInput(match[3] as string, match[2] as string, new Uint8Array(Number(match[1])).fill(0x61));

    match = /^resizes to (\d+)x(\d+) at (\d+) of (s\d+)$/.exec(text);
    if (match !== null) return deviceInput(match[4] as string, match[3] as string, { cols: Number(match[1]), rows: Number(match[2]) });

    match = /^wall clock says (\d+(?:\.\d+)?)s$/.exec(text);
    if (match !== null) return { kind: "wallClock", unixUs: Math.round(Number(match[1]) * 1e6) };
    match = /^max lag set to (\d+)ms$/.exec(text);
    if (match !== null) return { kind: "maxLagSet", maxLagMs: Number(match[1]) };
    match = /^entropy ((?:[0-9a-f]{2})+)$/.exec(text);
    if (match !== null) return { kind: "entropyDrawn", bytes: Uint8Array.from(Buffer.from(match[1] as string, "hex")) };

    match = /^epoch ended at (\d+)((?:, [^,]+)*)$/.exec(text);
    if (match !== null) return this.epochEnded(actor, BigInt(match[1] as string), words(match[2] as string));

    match = /^captured (\d+) bytes, (\d+) pages left(?: in round (\d+))?(?:, hash (\w+))?$/.exec(text);
    if (match !== null) {
      const peer = actor.capturing?.peer ?? "";
      const bytes = Number(match[1]);
      this.channel(actor.name, peer).push({ kind: "statePages", pages: new Uint8Array(bytes) });
      return { kind: "stateCaptured", peer, bytes, pagesLeft: Number(match[2]), round: Number(match[3] ?? 1), stateHash: hash(match[4]) };
    }
    if (text === "applied") return { kind: "stateApplied", bytes: actor.applying };
    match = /^hashed (\w+)((?:, s\d+ at \d+)*)(?:, wall clock (\d+)s)?$/.exec(text);
    if (match !== null) {
      const wallOffsetNs = BigInt(match[3] ?? 0) * 1_000_000_000n;
      const inputSessions = new Map<string, bigint>();
      for (const word of words(match[2] as string)) {
        const [name, , next] = word.split(" ") as [string, string, string];
        inputSessions.set(sessionUuid(name), BigInt(next));
      }
      return { kind: "stateHashed", stateHash: hash(match[1]) ?? 0n, inputSessions, inputRoom: 65536, entropyWanted: 0, wallOffsetNs };
    }

    match =
      /^arbiter (?:(grants|refuses, it is|says to follow, it is) term (\d+)(?:, synced ([\w ]+?))?|is unavailable)(?: to (goSolo|addBackup|promote) of term (\d+))?$/.exec(
        text,
      );
    if (match !== null) {
      let request = actor.asked;
      if (request === null) throw new Error(`${actor.name} has not asked the arbiter`);
      if (match[5] !== undefined) request = { ...request, term: BigInt(match[5]) };
      const term = match[2] === undefined ? 0n : BigInt(match[2]);
      const outcome = OUTCOMES[match[1] ?? "is unavailable"] as ArbiterOutcome;
      return { kind: "arbiterAnswered", request, outcome, term, synced: match[3]?.split(" ") ?? [] };
    }
    match = /^timer (heartbeat|silence|wake|askAgain)$/.exec(text);
    if (match !== null) return { kind: "timeout", timer: { kind: match[1] } as TimerId };
    throw new Error("the input is not known");
  }

  private epochEnded(actor: Actor, endInstant: bigint, rest: readonly string[]): ReplicaInput {
    const running = actor.epochs.shift();
    if (running === undefined) throw new Error(`${actor.name} runs no epoch`);
    const advanced = ((endInstant - running.startInstant) * BigInt(running.clock.rate)) / BigInt(CLOCK_RATE_INSTRUCTIONS);
    const ended = {
      kind: "epochEnded" as const,
      endInstant,
      reason: "limit" as EpochEnd,
      time: running.clock.time + advanced,
      wakeTime: null as bigint | null,
      halt: null as GuestHalt | null,
      stateHash: null as bigint | null,
      inputRoom: 65536,
      entropyWanted: 0,
      begun: null as BegunEpoch | null,
    };
    for (const word of rest) {
      const [first, ...more] = word.split(" ") as [string, ...string[]];
      const value = more.at(-1) ?? "";
      if (word === "limit" || word === "wfi" || word === "stopped" || word === "output") ended.reason = word;
      else if (first === "wakes") ended.wakeTime = BigInt(value);
      else if (first === "console") actor.consoleEnd = BigInt(value);
      else if (first === "hash") ended.stateHash = hash(value);
      else if (first === "room") ended.inputRoom = Number(value);
      else if (word === "goes on") ended.begun = this.begin(actor, ended);
      else if (first === "wants") ended.entropyWanted = Number(value);
      else if (first === "halted") {
        ended.reason = "halted";
        ended.halt = value as GuestHalt;
      } else throw new Error(`"${word}" is not known of an epoch`);
    }
    return { ...ended, consoleEnd: actor.consoleEnd };
  }

  /** What the engine does that goes on with the epoch that it is allowed, at this very moment. */
  private begin(actor: Actor, { endInstant, time }: { readonly endInstant: bigint; readonly time: bigint }): BegunEpoch {
    if (actor.allowed === null) throw new Error(`${actor.name} is allowed no epoch`);
    const { clockOffset, rate, length } = actor.allowed;
    const now = BigInt(actor.nowUs) * 10n + clockOffset;
    const begun = { clock: { time: now < time ? time : now, rate }, limitInstant: endInstant + length, startedUs: actor.nowUs };
    actor.epochs.push({ ...begun, startInstant: endInstant });
    return begun;
  }
}

function words(list: string): string[] {
  return list.split(", ").filter((word) => word !== "");
}

function hash(text: string | undefined): bigint | null {
  return text === undefined ? null : BigInt(`0x${text}`);
}

function deviceInput(session: string, offset: string, content: InputContent): ReplicaInput {
  return { kind: "deviceInput", inputSession: sessionUuid(session), offset: BigInt(offset), content };
}

function hex(value: bigint): string {
  return value.toString(16);
}

function tellInput(input: EpochInput): string {
  if (input.kind === "wallClock") return `wall clock ${seconds(input.unixNs)}s`;
  if (input.kind === "entropy") return `entropy ${[...input.bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  if (input.kind === "sysRq") return `SysRq ${input.key}`;
  if (input.kind === "resize") return `${input.size.cols}x${input.size.rows} at ${input.offset} of ${sessionName(input.inputSession)}`;
  const what = input.bytes.length <= 16 ? `"${new TextDecoder().decode(input.bytes)}"` : `${input.bytes.length} bytes`;
  return `${what} at ${input.offset} of ${sessionName(input.inputSession)}`;
}

/** Nanoseconds as seconds, to the microsecond. */
function seconds(ns: bigint): string {
  return `${ns / 1_000_000_000n}.${((ns % 1_000_000_000n) / 1000n).toString().padStart(6, "0")}`;
}

function tellInputs(inputs: readonly EpochInput[]): string {
  return inputs.length === 0 ? "" : ` with ${inputs.map(tellInput).join(", ")}`;
}

function tellRequest(request: ArbiterRequest): string {
  switch (request.kind) {
    case "promote":
      return `to be promoted in term ${request.term}`;
    case "goSolo":
      return `to go on without ${request.lost} in term ${request.term}: ${request.reason}`;
    case "addBackup":
      return `to add backup ${request.backup} in term ${request.term}`;
  }
}

function tellMessage(message: LoggingChannelMessage): string {
  switch (message.kind) {
    case "epoch": {
      const { epoch, endInstant, clock, inputs, stateHash } = message.record;
      const hashed = stateHash === null ? "" : `, hash ${hex(stateHash)}`;
      return `epoch ${epoch} of term ${message.term}: to ${endInstant}, clock ${clock.time}${tellInputs(inputs)}${hashed}`;
    }
    case "heartbeat":
    case "guestHalted":
    case "takingOver":
      return `${message.kind} of term ${message.term}`;
    case "handedOver":
      return message.kind;
    case "resume": {
      const { term, synced, nextEpoch, author, paused } = message;
      return `resume in term ${term}, synced ${synced.join(" ")}: epoch ${nextEpoch} follows what came from ${author}${paused ? ", paused" : ""}`;
    }
    case "pauseChanged":
      return message.paused ? "paused" : "resumed";
    case "statePages":
      return `${message.pages.length} bytes of state`;
    case "stateEnd": {
      const { term, point, stateHash } = message;
      return `stateEnd of term ${term}: next epoch ${point.epoch} at ${point.instant}, hash ${hex(stateHash)}`;
    }
    case "termChanged":
      return `termChanged to ${message.term}, synced ${message.synced.join(" ") || "nobody"}`;
    case "ack":
      return `ack: received ${message.received ?? "nothing"}, applied ${message.applied ?? "nothing"}`;
    case "stateReceived":
      return `stateReceived of ${message.bytes} bytes`;
    case "stateVerified":
      return `stateVerified before epoch ${message.epoch}`;
    case "pageChanges":
      return `pageChanges of ${message.changes.length / 3} pages`;
    case "backupFailed":
      return `backupFailed at epoch ${message.epoch}: ${message.reason}, hash ${hex(message.stateHash)}`;
  }
}

function tellEffect(effect: Effect, actor: Actor): string {
  switch (effect.kind) {
    case "send":
      return `send ${effect.peer} ${tellMessage(effect.message)}`;
    case "closeChannel":
      return `close the channel to ${effect.peer}`;
    case "runEpoch": {
      const to = `${effect.exact ? "exactly" : "at most"} ${effect.limitInstant}`;
      const rest = `${tellInputs(effect.inputs)}${effect.wantHash ? ", and hash" : ""}`;
      return `run epoch ${effect.epoch} to ${to}, clock ${effect.clock.time}${rest}`;
    }
    case "allowEpoch":
      return `allow epoch ${effect.next.epoch}`;
    case "drawEntropy":
      return `draw ${effect.bytes} bytes of entropy`;
    case "endEpochEarly":
      return "end the epoch early";
    case "captureState": {
      const what = effect.final ? "all that is left, and the hash" : `at most ${effect.maxBytes} bytes`;
      return `capture state for ${effect.peer}: ${effect.first ? "from the start, " : ""}${what}`;
    }
    case "endTransfer":
      return `end the transfer to ${effect.peer}`;
    case "applyState":
      return `apply ${effect.pages.length} bytes of state`;
    case "verifyState":
      return "verify the state";
    case "releaseOutput":
      return `release output up to ${effect.upTo}`;
    case "acknowledgeInput":
      return `acknowledge input of ${sessionName(effect.inputSession)} up to ${effect.inputNext}, ${effect.durability}`;
    case "refuseInput":
      return `refuse input of ${sessionName(effect.inputSession)}: ${effect.code}, go on at ${effect.inputNext}`;
    case "askArbiter":
      return `ask the arbiter ${tellRequest(effect.request)}`;
    case "setTimer":
      return `set timer ${effect.timer.kind} for ${effect.atUs / 1000}ms`;
    case "clearTimer":
      return `clear timer ${effect.timer.kind}`;
    case "statusChanged":
      return `status: ${tellStatus(actor)}`;
    case "halt":
      return `halt: ${effect.reason}`;
  }
}

function tellStatus(actor: Actor): string {
  const { role, state, term, synced, joining, arbiterUnavailable, paused, guestHalt, haltReason, divergence } = actor.replica.status();
  const parts = [`${role} ${state} in term ${term}`, `synced ${synced.join(" ") || "nobody"}`];
  if (joining !== null) parts.push(`joining ${joining}`);
  if (arbiterUnavailable) parts.push("arbiter unavailable");
  if (paused) parts.push("paused");
  if (guestHalt !== null) parts.push(`guest ${guestHalt}`);
  if (haltReason !== null) parts.push(`halted ${haltReason}`);
  if (divergence !== null) {
    parts.push(`${divergence.replicaId} diverged in epoch ${divergence.epoch}, equal until ${divergence.lastEqualInstant ?? "never"}`);
  }
  return parts.join(", ");
}
