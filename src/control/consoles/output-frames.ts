/**
 * Output of one VM's console as the frames that its clients get. Most of hundreds of observers are at the same place: what one of them
 * gets is kept for the others, so that bytes are gathered and framed once for all of them. An offset names one byte for ever, so a frame
 * that is kept is never another's.
 */
import { CONSOLE_PAYLOAD_MAX } from "../../wire/console-frames.ts";
import type { ConsoleFraming } from "./framing.ts";
import type { OutputWindow } from "./output-window.ts";

export interface OutputFrame {
  /** As it goes into a WebSocket message; shared, so it is not to be changed. */
  readonly data: Uint8Array;
  /** Bytes of output in it. */
  readonly length: number;
}

interface KeptFrame extends OutputFrame {
  readonly term: number;
  readonly wanted: number;
}

/** Of each subprotocol. What is sent at once takes a few of them, and not every observer is as fast as the others. */
const KEPT_FRAMES = 8;

export class OutputFrames {
  /** By the offset where they begin, the newest last. */
  private readonly kept = new Map<ConsoleFraming, Map<bigint, KeptFrame>>();

  /** @param term the VM's, now */
  constructor(
    readonly window: OutputWindow,
    private readonly term: () => number,
  ) {}

  /** The frame that begins at `from`, which is held and below the end, with at most `maxBytes` bytes of output. */
  frame(framing: ConsoleFraming, from: bigint, maxBytes: number): OutputFrame {
    const term = this.term();
    const wanted = Math.min(maxBytes, CONSOLE_PAYLOAD_MAX, Number(this.window.end - from));
    const kept = this.ofFraming(framing);
    const known = kept.get(from);
    if (known !== undefined && known.wanted === wanted && known.term === term) return known;
    const bytes = this.window.read(from, wanted);
    const made = { data: framing.output(term, from, bytes), length: bytes.length, term, wanted };
    kept.delete(from);
    kept.set(from, made);
    if (kept.size > KEPT_FRAMES) kept.delete(kept.keys().next().value as bigint);
    return made;
  }

  private ofFraming(framing: ConsoleFraming): Map<bigint, KeptFrame> {
    const kept = this.kept.get(framing) ?? new Map<bigint, KeptFrame>();
    this.kept.set(framing, kept);
    return kept;
  }
}
