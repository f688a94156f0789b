/**
 * `events`: from the beginning of the transaction that an event is of (its `time`) to its receipt by somebody who watches, at the control
 * plane that served the call and at another one; fifty VMs are made a second.
 */
import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { type Figure, median, quantile } from "./bench-line.ts";
import { startService } from "./service.ts";

const VMS = 400;
const BETWEEN_MS = 20;

export async function* events(): AsyncGenerator<Figure> {
  const service = await startService(2);
  const stop = new AbortController();
  try {
    const [here, elsewhere] = service.clients;
    if (here === undefined || elsewhere === undefined) throw new Error("two control planes are wanted");
    const watchers = [
      { name: "same-control-plane", client: here, took: new Map<string, number>() },
      { name: "other-control-plane", client: elsewhere, took: new Map<string, number>() },
    ];
    const watched = watchers.map(async ({ client, took }) => {
      for await (const event of client.events.watch({ types: ["vm.created"], after: 0n, signal: stop.signal })) {
        if (event.type === "resync") throw new Error("events were missed");
        const { time = "" } = event as { readonly time?: string };
        if (took.has(event.seq)) throw new Error(`event ${event.seq} came twice`);
        took.set(event.seq, Date.now() - Date.parse(time));
        if (took.size === VMS) return;
      }
    });
    for (let index = 0; index < VMS; index++) {
      const next = delay(BETWEEN_MS);
      await here.vms.create({ image: "debian", protection: { mode: "none" } });
      await next;
    }
    await Promise.all(watched);
    for (const { name, took } of watchers) {
      const values = [...took.values()];
      yield {
        bench: "events",
        name,
        unit: "ms",
        value: median(values),
        p99: quantile(values, 0.99),
        n: values.length,
        better: "lower",
        detail: { load: Number(loadavg()[0]?.toFixed(1)) },
      };
    }
  } finally {
    stop.abort();
    await service.stop();
  }
}
