/** W3C trace context: which trace a call belongs to, and which part of it is ours. Chance is an argument. */

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * @param header `traceparent` of the caller; one that is malformed counts as none: a new trace begins
 * @param entropy 24 random bytes
 * @returns what is sent on: the caller's trace, with a part of our own
 */
export function continueTrace(header: string | undefined, entropy: Uint8Array): string {
  const [made, part] = [hex(entropy.subarray(0, 16)), hex(entropy.subarray(16, 24))];
  const [, version, trace, parent, flags, more] = TRACEPARENT.exec(header ?? "") ?? [];
  const known =
    trace !== undefined &&
    version !== "ff" &&
    !(version === "00" && more !== undefined) &&
    !/^0+$/.test(trace) &&
    !/^0+$/.test(parent ?? "");
  // Of the flags of versions to come only the first bit, sampled, is known.
  return known ? `00-${trace}-${part}-0${Number.parseInt(flags ?? "0", 16) & 1}` : `00-${made}-${part}-01`;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
