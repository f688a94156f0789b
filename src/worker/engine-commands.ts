/**
 * What the main thread and an engine thread say to each other: commands, executed one at a time in the order they were
 * posted, and one reply to each; and one to each epoch that the thread has begun by itself.
 */
import type { ClockSample, EpochEnd, EpochInput, GuestHalt } from "../engine/epoch.ts";
import type { PageChanges } from "../engine/page-hashes.ts";
import type { BegunEpoch, InputSessionTable, ReplicaId } from "../hypervisor/messages.ts";
import type { CompileLine } from "./compile-messages.ts";
import type { TranslationStatistics } from "./replica-report.ts";

export interface EngineThreadData {
  /** Compiled once for the process. */
  readonly module: WebAssembly.Module;
  readonly memoryMiB: number;
  /** Of a `StopRequest`: asks the running epoch to end soon, unless it is exact. */
  readonly stopMemory: WebAssembly.Memory;
  /** Of an `AllowedEpochWords`. */
  readonly allowedEpoch: SharedArrayBuffer;
  /** Leads to the compile thread; null: everything is interpreted. */
  readonly compiler: CompileLine | null;
  /** Tests alone: on a backup, after the first hash that it has compared. */
  readonly flipBit: FlippedBit | null;
}

/** A bit of the machine's state: a page as `PageChanges` numbers it, a byte in it, a bit of that. */
export interface FlippedBit {
  readonly page: number;
  readonly offset: number;
  readonly bit: number;
}

export type EngineCommand =
  /** `rngSeed`: 32 bytes of the host's entropy. They become VM state, and reach a backup with it. */
  | {
      readonly kind: "loadLinux";
      readonly kernel: Uint8Array;
      readonly initramfs: Uint8Array;
      readonly cmdline: string;
      readonly rngSeed: Uint8Array;
      /** Offset of the first console byte. */
      readonly consoleBase: bigint;
    }
  | {
      readonly kind: "runEpoch";
      readonly epoch: bigint;
      readonly limitInstant: bigint;
      readonly exact: boolean;
      readonly clock: ClockSample;
      readonly inputs: readonly EpochInput[];
      readonly wantHash: boolean;
    }
  | { readonly kind: "captureState"; readonly peer: ReplicaId; readonly first: boolean; readonly maxBytes: number; readonly final: boolean }
  | { readonly kind: "endTransfer" }
  | { readonly kind: "applyState"; readonly pages: Uint8Array }
  | { readonly kind: "verifyState" };

/** New console output: `bytes[0]` has this offset in the VM's output since creation. */
export interface ConsoleOutput {
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

export type EngineReply =
  /** The machine cannot do what was asked; the thread ends. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "loaded" }
  | {
      readonly kind: "epochEnded";
      readonly endInstant: bigint;
      readonly reason: EpochEnd;
      readonly time: bigint;
      readonly wakeTime: bigint | null;
      readonly console: readonly ConsoleOutput[];
      readonly consoleEnd: bigint;
      readonly halt: GuestHalt | null;
      readonly inputRoom: number;
      readonly entropyWanted: number;
      readonly stateHash: bigint | null;
      /** With a hash: the pages that changed since the one before. */
      readonly pageChanges: PageChanges | null;
      /** The epoch that runs now, with no input: the thread has not waited for a command. */
      readonly begun: BegunEpoch | null;
      /** About once a second, where the guest is translated. */
      readonly translation: TranslationStatistics | null;
    }
  /** `parts` are each about STATE_PART_BYTES long. */
  | {
      readonly kind: "stateCaptured";
      readonly peer: ReplicaId;
      readonly parts: readonly Uint8Array[];
      readonly pagesLeft: number;
      /** Sweep over memory that these pages belong to, from 1. */
      readonly round: number;
      readonly final: boolean;
      readonly stateHash: bigint | null;
      readonly pageChanges: PageChanges | null;
    }
  | { readonly kind: "transferEnded" }
  | { readonly kind: "stateApplied"; readonly bytes: number }
  | {
      readonly kind: "stateHashed";
      readonly stateHash: bigint;
      readonly inputSessions: InputSessionTable;
      readonly inputRoom: number;
      readonly entropyWanted: number;
      readonly wallOffsetNs: bigint;
      /** What the machine's own ring holds. */
      readonly console: ConsoleOutput;
    };
