/** Which CSRs there are, and what they hold: on our machine and on QEMU. */
import { expect, test } from "vitest";
import { hasQemu } from "../support/qemu.ts";
import { compareCsrs, csrImage } from "./csr-cases.ts";
import { MachineEngine } from "./machine-engine.ts";
import { QemuEngine } from "./qemu-engine.ts";

const qemu = hasQemu();

test.skipIf(!qemu)(
  "all 4096 CSRs are there for each mode, and hold after each write, what QEMU has but for the listed exceptions",
  async () => {
    const image = csrImage(1n);
    const [theirs, ours] = await Promise.all([new QemuEngine().run(image), new MachineEngine().run(image)]);
    expect(compareCsrs(image, ours, theirs)).toEqual([]);
  },
);
