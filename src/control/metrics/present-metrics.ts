/** What there is now: VMs by state, and who is at consoles here. */
import type { VmConsole } from "../consoles/vm-console.ts";
import type { VmCount } from "../db/queries/count-vms.ts";
import type { MetricFamily } from "./exposition.ts";

/** @param vms null: the database does not say */
export function presentMetrics(vms: readonly VmCount[] | null, consoles: Iterable<VmConsole>): readonly MetricFamily[] {
  const clients = { read: 0, write: 0 };
  let unackedBytes = 0;
  for (const { attached, writer } of consoles) {
    for (const client of attached) {
      clients[client === writer ? "write" : "read"]++;
      unackedBytes += client.unackedBytes;
    }
  }
  return [
    {
      name: "vms",
      help: "VMs that are not deleted, of the whole service",
      type: "gauge",
      samples: (vms ?? []).map(({ state, protection, count }) => ({ labels: { state, protection }, value: count })),
    },
    {
      name: "console_clients",
      help: "Connections to consoles at this control plane, by whether they have the right to write now",
      type: "gauge",
      samples: Object.entries(clients).map(([mode, value]) => ({ labels: { mode }, value })),
    },
    {
      name: "console_unacked_bytes",
      help: "Console output that was sent to clients here, and not consumed by them yet",
      type: "gauge",
      samples: [{ labels: {}, value: unackedBytes }],
    },
  ];
}
