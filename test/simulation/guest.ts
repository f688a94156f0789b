/**
 * What the simulator asks of a guest, and what it must know of it to read its transcript. There are two: a model, for speed, and
 * a small program on the real engine.
 */
import type { ClockSample, EpochEnd, EpochInput, GuestHalt, TerminalSize } from "../../src/engine/epoch.ts";
import type { Chance } from "./chance.ts";

export interface Guest {
  readonly instant: bigint;
  readonly time: bigint;
  readonly wakeTime: bigint | null;
  readonly consoleEnd: bigint;
  readonly halt: GuestHalt | null;
  readonly inputRoom: number;
  readonly entropyWanted: number;
  readonly wallOffsetNs: bigint;
  inputSessions(): ReadonlyMap<string, bigint>;
  begin(clock: ClockSample, inputs: readonly EpochInput[]): void;
  /** Runs on in the epoch that was begun. `exact` as for the engine: otherwise it may also stop after output. */
  run(untilInstant: bigint, exact: boolean): EpochEnd;
  readConsole(from: bigint): Uint8Array;
  /** Of all of its state. */
  hash(): bigint;
  capture(first: boolean, maxBytes: number, final: boolean): CapturedState;
  endCapture(): void;
  apply(pages: Uint8Array): void;
  /** All pages are in their place. */
  restored(): void;
  /** A bit of its memory is not what it was: a fault of the host. */
  flipBit(chance: Chance): void;
  /** Nobody uses it any more. */
  release(): void;
}

export interface CapturedState {
  readonly parts: readonly Uint8Array[];
  readonly pagesLeft: number;
  /** Over memory, from 1. */
  readonly round: number;
}

export interface GuestKind {
  readonly name: "model" | "machine";
  /** How many input sessions can be told from each other in what it prints. */
  readonly sessionsMax: number;
  /** Of the fastest engine that a worker has for it. */
  readonly instructionsPerUs: number;
  /** The guest of a new VM: every one begins in the same state. */
  create(): Guest;
  /** A guest that is to be given another's state. */
  createEmpty(): Guest;
  /** The byte that the client of a session types at an offset; where it resizes its terminal there, what the guest echoes of that. */
  typedByte(session: number, offset: number): number;
  /** The size that the client of a session says its terminal has, at an offset; null: it types a byte there. */
  resizedTo(session: number, offset: number): TerminalSize | null;
  /** Consuming this byte ends the guest. */
  readonly powerOff: number;
  reader(): TranscriptReader;
}

/** Finds the echoes of what was typed in what a guest prints. */
export interface TranscriptReader {
  read(output: Uint8Array, echo: (session: number, byte: number) => void): void;
}

/** Session n, from 1: its number can be read off its id. */
export function sessionId(session: number): string {
  return `00000000-0000-4000-8000-${String(session).padStart(12, "0")}`;
}

export function sessionNumber(inputSession: string): number {
  return Number(inputSession.slice(-12));
}
