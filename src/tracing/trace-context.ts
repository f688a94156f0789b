/** W3C trace context: which trace a call belongs to, and which part of it is ours. Chance is an argument. */

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * @param header `traceparent` of a caller
 * @returns the same in the version that we write; null where it is malformed, which counts as none
 */
export function readTraceparent(header: string | undefined): string | null {
  const [, version, trace, parent, flags, more] = TRACEPARENT.exec(header ?? "") ?? [];
  const known =
    trace !== undefined &&
    version !== "ff" &&
    !(version === "00" && more !== undefined) &&
    !/^0+$/.test(trace) &&
    !/^0+$/.test(parent ?? "");
  // Of the flags of versions to come only the first bit, sampled, is known.
  return known ? `00-${trace}-${parent}-0${Number.parseInt(flags ?? "0", 16) & 1}` : null;
}

/**
 * @param caller as `readTraceparent` has it
 * @param entropy 24 random bytes
 * @returns what is sent on: the caller's trace, or a new one, with a part of our own
 */
export function continueTrace(caller: string | null, entropy: Uint8Array): string {
  const [made, part] = [hex(entropy.subarray(0, 16)), hex(entropy.subarray(16, 24))];
  return caller === null ? `00-${made}-${part}-01` : `00-${traceIdOf(caller)}-${part}-${caller.slice(-2)}`;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** Of the part that says it: the span that what carries this is a child of. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

export function isSampled(traceparent: string): boolean {
  return traceparent.endsWith("1");
}

/** What finds a log line by its trace, by the names that OpenTelemetry gives these fields. */
export function logFieldsOfTrace(traceparent: string): { readonly trace_id: string; readonly span_id: string } {
  return { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
