/**
 * `api`: what a control plane answers, by one and by two of them on one database: get and list of 100 VMs, and create, from eight callers
 * at once. No worker is there, so that nothing but the control planes, the database and the callers works.
 */
import { loadavg } from "node:os";
import { type Figure, median, quantile } from "./bench-line.ts";
import { type Service, startService } from "./service.ts";

const CALLERS = 8;
const VMS = 100;
const MEASURE_MS = 8_000;
const WARM_UP_MS = 2_000;
const PAGE = 50;

interface Call {
  readonly name: string;
  readonly status: number;
  readonly ask: (url: string, count: number) => Promise<Response>;
}

export async function* api(): AsyncGenerator<Figure> {
  for (const controlPlanes of [1, 2]) {
    const service = await startService(controlPlanes);
    try {
      const ids: string[] = [];
      for (let index = 0; index < VMS; index++) {
        const vm = await (service.clients[0] as Service["clients"][number]).vms.create({
          name: `vm-${index}`,
          image: "debian",
          protection: { mode: "none" },
        });
        ids.push(vm.id);
      }
      const { headers } = service;
      const body = JSON.stringify({ spec: { image: "debian", protection: { mode: "none" } } });
      const calls: readonly Call[] = [
        { name: "get", status: 200, ask: (url, count) => fetch(`${url}/v1/vms/${ids[count % ids.length]}`, { headers }) },
        { name: "list", status: 200, ask: (url) => fetch(`${url}/v1/vms?pageSize=${PAGE}`, { headers }) },
        {
          name: "create",
          status: 201,
          ask: (url) => fetch(`${url}/v1/vms`, { method: "POST", headers: { ...headers, "idempotency-key": crypto.randomUUID() }, body }),
        },
      ];
      for (const call of calls) {
        await measure(service, call, WARM_UP_MS);
        const took = await measure(service, call, MEASURE_MS);
        yield {
          bench: "api",
          name: `${call.name}-${controlPlanes}`,
          unit: "ms",
          value: median(took),
          p99: quantile(took, 0.99),
          n: took.length,
          better: "lower",
          detail: {
            callsPerSecond: Math.round((took.length * 1000) / MEASURE_MS),
            controlPlanes,
            callers: CALLERS,
            load: Number(loadavg()[0]?.toFixed(1)),
          },
        };
      }
    } finally {
      await service.stop();
    }
  }
}

/** @returns milliseconds of each call */
async function measure({ urls }: Service, { name, status, ask }: Call, ms: number): Promise<readonly number[]> {
  const took: number[] = [];
  const until = performance.now() + ms;
  let count = 0;
  const caller = async (index: number): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      const answer = await ask(urls[index % urls.length] as string, count++);
      await answer.arrayBuffer();
      if (answer.status !== status) throw new Error(`${name} was answered with ${answer.status}`);
      took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
  return took;
}
