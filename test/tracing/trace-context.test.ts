/** W3C trace context: whose trace goes on, and where a new one begins. */
import { expect, test } from "vitest";
import { continueTrace, isSampled, logFieldsOfTrace, readTraceparent } from "../../src/tracing/trace-context.ts";

const ENTROPY = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
const NEW = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

test.each([
  ["a trace that is known goes on, with a part of our own", `00-${TRACE}-00f067aa0ba902b7-01`, `00-${TRACE}-1112131415161718-01`],
  ["one that is not sampled stays so", `00-${TRACE}-00f067aa0ba902b7-00`, `00-${TRACE}-1112131415161718-00`],
  ["a later version may say more, and flags that are not known", `01-${TRACE}-00f067aa0ba902b7-0b-more`, `00-${TRACE}-1112131415161718-01`],
  ["none", undefined, NEW],
  ["version ff", `ff-${TRACE}-00f067aa0ba902b7-01`, NEW],
  ["version 00 that says more", `00-${TRACE}-00f067aa0ba902b7-01-more`, NEW],
  ["a trace of zeros", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, NEW],
  ["a parent of zeros", `00-${TRACE}-${"0".repeat(16)}-01`, NEW],
  ["capitals", `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`, NEW],
  ["a line of somebody else's", `00-${TRACE}-00f067aa0ba902b7-01\n{"level":60}`, NEW],
  ["nothing", "", NEW],
])("%s", (_what, header, sent) => {
  expect(continueTrace(readTraceparent(header), ENTROPY)).toBe(sent);
  expect(isSampled(sent)).toBe(!sent.endsWith("00"));
  expect(logFieldsOfTrace(sent)).toEqual({ trace_id: sent.split("-")[1], span_id: "1112131415161718" });
});
