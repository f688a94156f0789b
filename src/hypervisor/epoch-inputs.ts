/**
 * What the next epoch begins with: the wall clock where the guest's is wrong, entropy that the guest has asked for, and what
 * clients typed. Everything of the environment that the guest gets, it gets here.
 *
 * Entropy:
 *
 *     notWanted --the guest asks--> wanted --take--> asked --drawn--> drawn --take--> (the epoch brings it) notWanted
 *
 * A guest that shall shut down gets the SysRq keys for it, one with each epoch: the kernel acts on one at a time.
 */
import { assert } from "../base/assert.ts";
import type { EpochInput, SysRqKey } from "../engine/epoch.ts";
import { InputBuffer, type InputSessions } from "./input-buffer.ts";
import type { Outbox } from "./outbox.ts";
import type { WallClock } from "./wall-clock.ts";

/** What a guest powers itself off by: in this order. */
const SHUT_DOWN_KEYS: readonly SysRqKey[] = ["s", "u", "o"];

/** Random bytes for the guest: nobody draws them but the primary, and only for a request of the guest's. */
type Entropy =
  | { readonly kind: "notWanted" }
  | { readonly kind: "wanted"; readonly bytes: number }
  | { readonly kind: "asked"; readonly bytes: number }
  | { readonly kind: "drawn"; readonly bytes: Uint8Array };

/** What a primary takes over of its guest's environment. */
export interface EpochInputsStart {
  readonly sessions: InputSessions;
  readonly inputRoom: number;
  readonly entropyWanted: number;
  readonly wallClock: WallClock;
}

export class EpochInputs {
  readonly typed: InputBuffer;
  private readonly wallClock: WallClock;
  private inputRoom: number;
  private entropy: Entropy;
  private keys: SysRqKey[] = [];

  constructor(
    start: EpochInputsStart,
    private readonly outbox: Outbox,
  ) {
    this.typed = new InputBuffer(start.sessions);
    this.wallClock = start.wallClock;
    this.inputRoom = start.inputRoom;
    this.entropy = wanted(start.entropyWanted);
  }

  /** There is something that a waiting guest is woken for. */
  get pending(): boolean {
    return this.keys.length > 0 || (!this.typed.empty && this.inputRoom > 0) || this.entropy.kind !== "notWanted";
  }

  /** An epoch has ended: what the guest has room for, and what it waits for. */
  epochEnded(inputRoom: number, entropyWanted: number): void {
    this.inputRoom = inputRoom;
    this.entropy = wanted(entropyWanted);
  }

  /** Somebody wants the guest to power itself off. Asked again meanwhile, it is the same. */
  shutDown(): void {
    if (this.keys.length === 0) this.keys = [...SHUT_DOWN_KEYS];
  }

  told(unixUs: number, nowUs: number): void {
    this.wallClock.told(unixUs, nowUs);
  }

  entropyDrawn(bytes: Uint8Array): void {
    const { entropy } = this;
    assert(entropy.kind === "asked", "entropy comes where it was asked for");
    assert(bytes.length === entropy.bytes, () => `${entropy.bytes} bytes of entropy were asked for, not ${bytes.length}`);
    this.entropy = { kind: "drawn", bytes };
  }

  /** @returns false: the next epoch brings entropy that is being drawn, and is not begun without it */
  get ready(): boolean {
    const { entropy } = this;
    if (entropy.kind !== "wanted" && entropy.kind !== "asked") return true;
    if (entropy.kind === "wanted") this.outbox.emit({ kind: "drawEntropy", bytes: entropy.bytes });
    this.entropy = { kind: "asked", bytes: entropy.bytes };
    return false;
  }

  /** Takes out what typed input has expired, and what an epoch that begins at guest time `time` brings. */
  take(time: bigint, nowUs: number): readonly EpochInput[] {
    const { entropy } = this;
    const { inputs: typed, expired } = this.typed.take(this.inputRoom);
    for (const inputSession of expired) {
      this.outbox.emit({ kind: "refuseInput", inputSession, inputNext: 0n, code: "input_session_expired" });
    }
    const wallClock = this.wallClock.correction(time, nowUs);
    const inputs: EpochInput[] = [];
    if (wallClock !== null) inputs.push(wallClock);
    if (entropy.kind === "drawn") inputs.push({ kind: "entropy", bytes: entropy.bytes });
    const key = this.keys.shift();
    if (key !== undefined) inputs.push({ kind: "sysRq", key });
    inputs.push(...typed);
    return inputs;
  }
}

function wanted(bytes: number): Entropy {
  return bytes === 0 ? { kind: "notWanted" } : { kind: "wanted", bytes };
}
