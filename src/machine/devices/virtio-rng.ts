/**
 * virtio entropy source (device 4). The machine has no chance of its own: bytes come from the log, as an input of an epoch.
 *
 * A request that is made is outstanding until such an input comes, and then done at the start of that epoch, with what came: a
 * guest gets at least one byte for a request, and at most ENTROPY_MAX. The primary's shell draws the bytes, a backup gets the
 * same with the epoch's record, and a backup that is promoted with a request outstanding draws for it then.
 */
import { VIRTIO_RNG_SLOT } from "../../isa/memory-map";
import { isLive, needsReset, ownState, queueAt, usedInterrupt } from "./virtio-mmio";
import { beforeDeviceWrite, bufferAt, bufferLength, buffers, BROKEN, complete, EMPTY, nextChain, readBuffers, writable } from "./virtqueue";

export const RNG_DEVICE: u32 = 4;
export const RNG_QUEUES: u32 = 1;

/** Bytes for one request; a longer one is done with so many. */
const ENTROPY_MAX: u64 = 256;

/** Bytes that the outstanding request can take; 0: there is none. */
function wanted(): u32 {
  return ownState(VIRTIO_RNG_SLOT);
}

export function entropyWanted(): u32 {
  return load<u32>(wanted());
}

export function rngNotified(): void {
  if (load<u32>(wanted()) == 0) lookForRequest();
}

function lookForRequest(): void {
  const found = nextChain(queueAt(VIRTIO_RNG_SLOT, 0));
  const broken = found == BROKEN || (found != EMPTY && writable == 0);
  store<u32>(wanted(), broken || found == EMPTY ? 0 : <u32>min(writable, ENTROPY_MAX));
  if (broken) needsReset(VIRTIO_RNG_SLOT);
}

/**
 * Does the outstanding request with bytes at a linear address. The guest may have spoilt its queue since it asked: then the
 * bytes are dropped, and the device needs a reset.
 *
 * @returns false: nobody wants so many
 */
export function provideEntropy(from: u32, length: u32): bool {
  if (length == 0 || length > load<u32>(wanted())) return false;
  const queue = queueAt(VIRTIO_RNG_SLOT, 0);
  lookForRequest();
  if (load<u32>(wanted()) == 0 || !isLive(VIRTIO_RNG_SLOT)) {
    store<u32>(wanted(), 0);
    return true;
  }
  let written: u32 = 0;
  for (let i = readBuffers(); i < buffers() && written < length; i++) {
    const part = min(length - written, bufferLength(i));
    beforeDeviceWrite(bufferAt(i), part);
    memory.copy(bufferAt(i), from + written, part);
    written += part;
  }
  if (complete(queue, written)) usedInterrupt(VIRTIO_RNG_SLOT);
  lookForRequest();
  return true;
}
