/** What a worker is told of the machine it shall run: the same for every replica of a VM. */
import type { ReplicaSpec } from "../../wire/control-messages.ts";
import type { ImageRow } from "../db/queries/images.ts";
import type { VmRow } from "../db/schema.ts";
import { retentionOf } from "../domain/console-retention.ts";
import type { ControlSettings } from "../settings.ts";

export function replicaSpecOf(vm: VmRow, image: ImageRow, settings: ControlSettings): ReplicaSpec {
  return {
    memoryMiB: vm.spec.machine.memoryMiB,
    cmdline: vm.spec.cmdline,
    kernelDigest: image.manifest.kernel.digest,
    initramfsDigest: image.manifest.initramfs.digest,
    heartbeatTimeoutMs: settings.heartbeatTimeoutMs,
    maxLagMs: vm.spec.protection.maxLagMs,
    consoleBase: vm.consoleBase.toString(),
    console: retentionOf(vm.spec),
  };
}
