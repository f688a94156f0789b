/** How long input waits for its acknowledgement, with time in hand. */
import { expect, test } from "vitest";
import { AckDelays } from "../../src/control/consoles/ack-delays.ts";

test("each piece of input has its own delay, once, from its receipt to the acknowledgement of its last byte", () => {
  const delays = new AckDelays();
  delays.received(10n, 1000);
  delays.received(20n, 1005);
  expect(delays.acknowledged(9n, 1010)).toEqual([]);
  expect(delays.acknowledged(15n, 1010)).toEqual([10]);
  expect(delays.acknowledged(20n, 1025)).toEqual([20]);
  expect(delays.acknowledged(20n, 2000)).toEqual([]);
});

test("what is never acknowledged does not fill the memory", () => {
  const delays = new AckDelays();
  for (let i = 1n; i <= 5000n; i++) delays.received(i, 0);
  expect(delays.acknowledged(5000n, 1)).toHaveLength(1024);
});
