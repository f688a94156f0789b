/** QEMU for tests that compare with it: the test set-up installs it. */
import { QEMU, requireTools, ToolMissing } from "./debian-tools.ts";

/** False, and a word on stderr, where it is not there and cannot be installed. */
export function hasQemu(): boolean {
  try {
    requireTools(QEMU);
    return true;
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    process.stderr.write(`\nSKIPPED: the comparison with QEMU. ${error.message}\n\n`);
    return false;
  }
}
