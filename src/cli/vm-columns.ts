/** How VMs look in a table. */
import type { VmResource } from "../sdk/index.ts";
import { age, type Column, labelText } from "./output.ts";
import { transferText } from "./vm-progress.ts";

export const VM_LISTING = {
  columns: vmColumns(),
  json: (vm: VmResource) => vm,
  name: (vm: VmResource) => vm.name ?? vm.id,
};

function vmColumns(): readonly Column<VmResource>[] {
  return [
    { title: "NAME", value: (vm) => vm.name ?? "-" },
    { title: "ID", value: (vm) => vm.id },
    { title: "STATE", value: (vm) => withReason(vm.status.state, vm.status.stateReason) },
    { title: "PROTECTION", value: (vm) => protectionOf(vm) },
    { title: "PRIMARY", value: (vm) => workerOf(vm, "primary") },
    { title: "BACKUP", value: (vm) => workerOf(vm, "backup") },
    { title: "TERM", value: (vm) => String(vm.status.term) },
    { title: "MEMORY", value: (vm) => `${vm.spec.machine.memoryMiB} MiB` },
    { title: "AGE", value: (vm) => age(vm.createdAt, Date.now()) },
    { title: "IMAGE", value: (vm) => vm.spec.image.split("@")[0] ?? "-", wide: true },
    { title: "INSTANT", value: (vm) => vm.status.instant, wide: true },
    { title: "LAG", value: (vm) => `${vm.status.protection.lagMs} ms`, wide: true },
    { title: "CONSOLE", value: (vm) => `${vm.status.console.end} B`, wide: true },
    {
      title: "DELETION",
      value: (vm) => (vm.spec.deletionProtection ? "protected" : "allowed"),
      wide: true,
      telling: (vm) => vm.spec.deletionProtection,
    },
    { title: "EXPIRES", value: (vm) => vm.status.expiresAt ?? "-", wide: true, telling: (vm) => (vm.status.expiresAt ?? null) !== null },
    { title: "LABELS", value: (vm) => labelText(vm.labels), wide: true },
  ];
}

/** `protected`, or `protected 1/2` where backups lack, with the transfer to the one that is being paired. */
function protectionOf({ status }: VmResource): string {
  const { state, reason, syncedBackups, wantedBackups } = status.protection;
  const joining = status.replicas.find(({ transfer }) => transfer !== null);
  const progress = joining?.transfer ? `, ${transferText(joining.transfer, joining.joinProgress)}` : "";
  const counted = state === "protected" && (syncedBackups !== wantedBackups || wantedBackups > 1);
  return `${withReason(state, reason)}${counted ? ` ${syncedBackups}/${wantedBackups}` : ""}${progress}`;
}

function withReason(state: string, reason: string | null): string {
  return reason === null ? state : `${state} (${reason})`;
}

function workerOf(vm: VmResource, role: "primary" | "backup"): string {
  const names = vm.status.replicas.filter((replica) => replica.role === role && !["lost", "fenced", "stopped"].includes(replica.state));
  return names.length === 0 ? "-" : names.map((replica) => replica.workerName).join(", ");
}
