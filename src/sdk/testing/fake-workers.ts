/**
 * The workers of the fake service: what an operator wants of each. What that means for the VMs there is for a test to say, by `failOver` and
 * the like: a drain ends once they are gone.
 */
import type { Schemas } from "../client.ts";
import { FakeProblem } from "./fake-problem.ts";
import { FAKE_WORKERS, type FakeVm } from "./fake-vm.ts";

type Worker = Schemas["Worker"];
type DesiredState = Worker["spec"]["desiredState"];

const SINCE = "2026-01-01T00:00:00.000Z";

interface Wanted {
  labels: Record<string, string>;
  desiredState: DesiredState;
}

export class FakeWorkers {
  private readonly wanted = new Map<string, Wanted>(FAKE_WORKERS.map((name) => [name, { labels: {}, desiredState: "ready" }]));

  /** @param vms all of them, those that were deleted too */
  constructor(private readonly vms: readonly FakeVm[]) {}

  /** By name. */
  all(): Worker[] {
    return FAKE_WORKERS.map((name) => this.present(name));
  }

  /** @param ref id or name. @throws {FakeProblem} `worker_not_found` */
  get(ref: string): Worker {
    const found = this.all().find(({ id, name }) => id === ref || name === ref);
    if (found === undefined) throw new FakeProblem(404, "worker_not_found", `Cannot find the worker "${ref}"`);
    return found;
  }

  /** A JSON merge patch of its labels. */
  patch(ref: string, { labels }: Schemas["PatchWorkerRequest"]): Worker {
    const { name } = this.get(ref);
    const wanted = this.wanted.get(name) as Wanted;
    if (labels === null) wanted.labels = {};
    for (const [key, value] of Object.entries(labels ?? {})) {
      if (value === null) delete wanted.labels[key];
      else wanted.labels[key] = value;
    }
    return this.present(name);
  }

  /** @throws {FakeProblem} `worker_not_found`, `invalid_state` where it is fenced */
  order(ref: string, desiredState: DesiredState): { readonly before: Worker; readonly after: Worker } {
    const before = this.get(ref);
    if (before.spec.desiredState === "fenced" && (desiredState === "cordoned" || desiredState === "drained")) {
      throw new FakeProblem(409, "invalid_state", `Cannot use the worker "${before.name}": it is fenced; uncordon lets it join again`, {
        currentState: "fenced",
      });
    }
    (this.wanted.get(before.name) as Wanted).desiredState = desiredState;
    return { before, after: this.present(before.name) };
  }

  private present(name: (typeof FAKE_WORKERS)[number] | string): Worker {
    const { labels, desiredState } = this.wanted.get(name) as Wanted;
    const now = new Date().toISOString();
    const held = this.vms.flatMap(({ resource }) => resource.status.replicas.filter(({ workerName }) => workerName === name));
    return {
      ...{ id: `wrk_${name}`, name, labels: { ...labels }, createdAt: SINCE, updatedAt: now, spec: { desiredState } },
      status: {
        state: desiredState === "drained" && held.length > 0 ? "draining" : desiredState,
        ...{ host: "fake", zone: null, pid: 1, incarnation: "fake", cores: 2, memoryMiB: 8192 },
        ...{ memoryPromisedMiB: 128 * held.length, replicas: held.length, engine: { version: "0.0.0", buildDigest: "0".repeat(64) } },
        ...{ nodeVersion: "v20.0.0", lastHeartbeatAt: now, operationId: null },
        conditions: [],
      },
    };
  }
}
