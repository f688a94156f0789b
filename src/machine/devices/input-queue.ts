/**
 * Console input as the log delivers it: sessions that know their next offset, and the queue that the console's ports read.
 *
 * The table is part of the state, so a promoted backup knows exactly which input the guest has been given. 64 sessions;
 * the one least recently delivered to makes room.
 */
import {
  INPUT_HEAD, INPUT_RING, INPUT_RING_SIZE, INPUT_SEQUENCE, INPUT_SESSION_COUNT, INPUT_SESSION_SIZE, INPUT_SESSIONS,
} from "../layout";
import { markDirty } from "../ram";
import { inputChanged, inputWaiting } from "./console";
import { resizeConsole } from "./virtio-console";

export function inputRoom(): u32 {
  return INPUT_RING_SIZE - inputWaiting();
}

/** The session's entry, or the one that a new session would take. */
function sessionEntry(id: u32): u32 {
  let oldest: u32 = INPUT_SESSIONS;
  let oldestUse: u64 = u64.MAX_VALUE;
  for (let i: u32 = 0; i < INPUT_SESSION_COUNT; i++) {
    const entry = INPUT_SESSIONS + i * INPUT_SESSION_SIZE;
    if (isSession(entry, id)) return entry;
    const use = load<u64>(entry, 24);
    if (use < oldestUse) {
      oldest = entry;
      oldestUse = use;
    }
  }
  return oldest;
}

function isSession(entry: u32, id: u32): bool {
  return load<u64>(entry, 24) != 0 && load<u64>(entry) == load<u64>(id) && load<u64>(entry, 8) == load<u64>(id, 8);
}

/** Makes the session the one that was delivered to last. */
function useSession(entry: u32, id: u32, next: u64): void {
  store<u64>(entry, load<u64>(id));
  store<u64>(entry, load<u64>(id, 8), 8);
  store<u64>(entry, next, 16);
  store<u64>(INPUT_SEQUENCE, load<u64>(INPUT_SEQUENCE) + 1);
  store<u64>(entry, load<u64>(INPUT_SEQUENCE), 24);
}

/**
 * A session says what size its terminal has: it takes one offset of the session, as a byte does.
 *
 * @param id address of the session's 16 bytes
 * @param offset below the session's next: it was delivered before
 * @returns false: a hole; nothing has changed then
 */
export function deliverSize(id: u32, offset: u64, cols: u32, rows: u32): bool {
  const entry = sessionEntry(id);
  const next = isSession(entry, id) ? load<u64>(entry, 16) : 0;
  if (offset > next) return false;
  useSession(entry, id, next);
  if (offset < next) return true;
  store<u64>(entry, offset + 1, 16);
  resizeConsole(cols, rows);
  return true;
}

/**
 * Queues input for the guest.
 *
 * @param id address of the session's 16 bytes
 * @param offset of the first byte in the session; bytes below the session's next are dropped
 * @returns bytes queued, or -1: a hole, or no room; nothing has changed then
 */
export function queueInput(id: u32, offset: u64, bytes: u32, length: u32): i32 {
  const entry = sessionEntry(id);
  const next = isSession(entry, id) ? load<u64>(entry, 16) : 0;
  if (offset > next || length > inputRoom()) return -1;
  const skip = next - offset;
  useSession(entry, id, next);
  if (skip >= <u64>length) return 0;
  let head = load<u64>(INPUT_HEAD);
  for (let i = <u32>skip; i < length; i++) {
    const at = INPUT_RING + (<u32>head & (INPUT_RING_SIZE - 1));
    store<u8>(at, load<u8>(bytes + i));
    markDirty(at);
    head++;
  }
  store<u64>(INPUT_HEAD, head);
  store<u64>(entry, offset + length, 16);
  inputChanged();
  return <i32>(length - <u32>skip);
}
