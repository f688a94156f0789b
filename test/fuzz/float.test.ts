/** Every instruction of F and D that computes, on our machine and on QEMU: `npm run fuzz -- --float` runs on. */
import { expect, test } from "vitest";
import { hasQemu } from "../support/qemu.ts";
import { compareFloats, floatImage } from "./float-cases.ts";
import { MachineEngine } from "./machine-engine.ts";
import { QemuEngine } from "./qemu-engine.ts";

const RANDOM_ROWS = 1500;

const qemu = hasQemu();

test.skipIf(!qemu)("float instructions have the results and flags that QEMU computes, in every rounding mode", async () => {
  const image = floatImage(1n, RANDOM_ROWS, true);
  const [theirs, ours] = await Promise.all([new QemuEngine().run(image), new MachineEngine().run(image)]);
  expect(compareFloats(image, ours, theirs, 20)).toEqual([]);

  // They did compute: with all special values each flag comes up, and hardly a result is zero.
  const flags = new Set<number>();
  let zeros = 0;
  const view = new DataView(ours.buffer, ours.byteOffset);
  for (let at = 0; at < ours.length; at += 16) {
    for (let bit = 1; bit < 32; bit <<= 1) if ((view.getUint8(at + 8) & bit) !== 0) flags.add(bit);
    if (view.getBigUint64(at, true) === 0n) zeros++;
  }
  expect([...flags].sort((a, b) => a - b)).toEqual([1, 2, 4, 8, 16]);
  expect(zeros).toBeLessThan(image.cases / 4);
});
