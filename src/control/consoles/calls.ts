/** What calls without a socket do with a console: read a piece of its output, and type into it. */
import type { VmRow } from "../db/schema.ts";
import { hasGuest } from "../domain/vm-state.ts";
import { ApiError } from "../errors/api-error.ts";
import type { ConsoleHub } from "./console-hub.ts";
import type { Durability } from "./input-session.ts";
import { resolveFrom } from "./resolve-from.ts";

/** How long typed bytes may wait for their acknowledgement. */
const ACKNOWLEDGE_MS = 10_000;

export interface OutputRequest {
  readonly from: string;
  readonly maxBytes: number;
  /** How long to wait for a byte, where there is none yet. */
  readonly waitMs: number;
  /** Any of them ends the wait. `AbortSignal.any` would leave something with the one that lives as long as the process, at each call. */
  readonly signals: readonly AbortSignal[];
}

export interface ConsoleOutput {
  /** What was asked for, as an offset. */
  readonly from: bigint;
  /** Offset of `bytes[0]`: beyond `from` where that is not kept. */
  readonly start: bigint;
  readonly next: bigint;
  readonly oldest: bigint;
  readonly bytes: Uint8Array;
}

/** @throws {ApiError} `validation_failed`, `worker_timeout` */
export async function readOutput(hub: ConsoleHub, vm: VmRow, request: OutputRequest): Promise<ConsoleOutput> {
  const console = await hub.open(vm);
  const from = await resolveFrom(console, request.from);
  const { window } = console;
  // What the primary holds already comes at once; what the guest has yet to write is waited for as long as was asked.
  const patience = from < console.end ? Math.max(request.waitMs, 1000) : request.waitMs;
  const over = (): boolean =>
    window.end > from || console.isEnded || !hasGuest(console.state) || request.signals.some(({ aborted }) => aborted);
  const stop = (): void => console.wake();
  for (const signal of request.signals) signal.addEventListener("abort", stop, { once: true });
  await console.settled(over, patience);
  for (const signal of request.signals) signal.removeEventListener("abort", stop);
  console.touch();
  const start = window.heldFrom(from);
  const bytes = window.read(start, request.maxBytes);
  return { from, start, next: start + BigInt(bytes.length), oldest: window.start, bytes };
}

export interface TypedInput {
  readonly inputSession: string;
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Types bytes that follow what the session has typed; what of them was typed before is not typed again.
 *
 * @returns once they are acknowledged
 * @throws {ApiError} `invalid_state`, `console_writer_busy`, `input_session_expired`, `input_offset_gap`, `worker_timeout`
 */
export async function typeInput(
  hub: ConsoleHub,
  vm: VmRow,
  { inputSession, offset, bytes }: TypedInput,
): Promise<{ readonly inputNext: bigint; readonly durability: Durability }> {
  if (!hasGuest(vm.state)) {
    const allowedStates = ["running", "pausing", "paused", "resuming"];
    throw new ApiError("invalid_state", `Cannot type: the VM is ${vm.state}, and has no guest`, {
      details: { currentState: vm.state, allowedStates },
    });
  }
  const console = await hub.open(vm);
  await hub.refuseOtherWriter(console, inputSession);
  const session = await hub.openInput(console, inputSession);
  const release = console.hold(session);
  try {
    const verdict = console.type(session, offset, bytes);
    if (verdict.kind === "gap") {
      throw new ApiError("input_offset_gap", `Cannot type at offset ${offset}: the session goes on at ${verdict.expected}`, {
        details: { inputNext: verdict.expected.toString() },
      });
    }
    const end = offset + BigInt(bytes.length);
    const done = await console.settled(() => session.inputNext >= end || session.expired || console.isEnded, ACKNOWLEDGE_MS);
    if (session.expired) {
      throw new ApiError("input_session_expired", `Cannot go on with input session ${inputSession}: the machine does not know it any more`);
    }
    if (!done || session.inputNext < end) {
      throw new ApiError("worker_timeout", "Cannot say that the input was taken: send it again with the same offset, it is typed once", {
        details: { retryAfterMs: 1000, inputNext: session.inputNext.toString() },
      });
    }
    const { inputNext, durability } = session;
    await hub.sessions.used({ vmId: vm.id, id: inputSession, inputNext });
    return { inputNext, durability };
  } finally {
    release();
  }
}
