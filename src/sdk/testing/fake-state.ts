/** What the fake service holds: VMs, operations, events, and the answers to requests that had an idempotency key. */
import type { Schemas } from "../client.ts";
import { FakeConsoles } from "./fake-console.ts";
import { FakeProblem, invalid } from "./fake-problem.ts";
import { FAKE_WORKERS, FakeVm } from "./fake-vm.ts";

type Operation = Schemas["Operation"];
type Event = Schemas["Event"];

const DIGEST = `sha256:${"f".repeat(64)}`;
export const FAKE_IMAGE: Schemas["Image"] = {
  id: "img_fake",
  name: "debian",
  digest: DIGEST,
  kernel: { digest: DIGEST, sizeBytes: 1 },
  initramfs: { digest: DIGEST, sizeBytes: 1 },
  cmdline: "console=ttyS0",
  minMemoryMiB: 96,
  aliases: [],
  createdAt: "2026-01-01T00:00:00.000Z",
};

export class FakeState {
  readonly vms: FakeVm[] = [];
  readonly operations: Operation[] = [];
  readonly consoles = new FakeConsoles();
  /** Oldest first; those below `oldest` are not kept. */
  events: Event[] = [];
  seq = 0;
  private count = 0;
  private readonly watchers = new Set<() => void>();

  /** VMs run, and are protected, by themselves. */
  constructor(private readonly settles: boolean) {}

  get oldest(): number {
    return this.events.length === 0 ? this.seq + 1 : Number(this.events[0]?.seq);
  }

  id(prefix: string): string {
    return `${prefix}_${String(++this.count).padStart(26, "0")}`;
  }

  /** @throws {FakeProblem} `vm_not_found` */
  vm(ref: string): FakeVm {
    const found = this.vms.find(({ resource }) => resource.id === ref || (resource.name === ref && resource.status.state !== "deleted"));
    if (found === undefined) throw new FakeProblem(404, "vm_not_found", `Cannot find the VM "${ref}"`);
    return found;
  }

  /** @throws {FakeProblem} `vm_not_found`, `vm_deleted` */
  living(ref: string): FakeVm {
    const vm = this.vm(ref);
    if (vm.resource.status.state === "deleted") throw new FakeProblem(410, "vm_deleted", `Cannot use the VM "${ref}": it was deleted`);
    return vm;
  }

  create(request: Schemas["CreateVmRequest"]): FakeVm {
    const { name, spec } = request;
    const [image] = spec.image.split("@");
    if (image !== FAKE_IMAGE.name && spec.image !== FAKE_IMAGE.id)
      throw new FakeProblem(404, "image_not_found", `Cannot find the image "${spec.image}": there is ${FAKE_IMAGE.name}`);
    if (this.vms.some(({ resource }) => resource.name !== null && resource.name === name && resource.status.state !== "deleted"))
      throw new FakeProblem(409, "name_taken", `Cannot create the VM: the name "${name}" is in use`);
    const memoryMiB = spec.machine?.memoryMiB ?? FAKE_IMAGE.minMemoryMiB;
    if (memoryMiB < FAKE_IMAGE.minMemoryMiB)
      throw invalid("/spec/machine/memoryMiB", `this kernel needs at least ${FAKE_IMAGE.minMemoryMiB} MiB`);
    const vm = new FakeVm(this.id("vm"), request, `${FAKE_IMAGE.name}@${DIGEST}`, {
      changed: (of, type, cause, data) => this.emit(type, of, cause, data),
      told: (of, message) => this.consoles.tell(of, message),
      written: (of) => this.consoles.written(of),
      cut: (of) => this.consoles.cut(of),
    });
    this.vms.push(vm);
    this.emit("vm.created", vm, null, { name: vm.resource.name });
    const operation = this.begin("vm.create", vm);
    this.later(vm, () => {
      vm.run();
      this.end(operation);
    });
    return vm;
  }

  /** After the answer that told of it, unless tests bring it about themselves. */
  later(vm: FakeVm, work: () => void): void {
    if (this.settles) setImmediate(() => vm.resource.status.state !== "deleted" && work());
  }

  begin(kind: Operation["kind"], vm: FakeVm): Operation {
    const now = new Date().toISOString();
    const operation: Operation = {
      ...{ id: this.id("op"), kind, state: "running", vmId: vm.id, workerId: null, result: null, error: null },
      ...{ createdAt: now, updatedAt: now, completedAt: null },
    };
    this.operations.unshift(operation);
    vm.resource.status.operationId = operation.id;
    this.emit("operation.updated", vm, null, { kind, state: "running" }, operation.id);
    return operation;
  }

  end(operation: Operation, result: Operation["result"] = null): void {
    if (operation.state !== "running") return;
    const now = new Date().toISOString();
    Object.assign(operation, { state: "succeeded", result, updatedAt: now, completedAt: now });
    const vm = this.vms.find(({ id }) => id === operation.vmId);
    if (vm?.resource.status.operationId === operation.id) vm.resource.status.operationId = null;
    this.emit("operation.updated", vm ?? null, null, { kind: operation.kind, state: "succeeded" }, operation.id);
  }

  cancel(operation: Operation): void {
    if (operation.state !== "running") throw new FakeProblem(409, "invalid_state", `Cannot cancel the operation: it is ${operation.state}`);
    const now = new Date().toISOString();
    const { problem } = new FakeProblem(409, "invalid_state", "Cannot go on: the operation was cancelled");
    Object.assign(operation, { state: "cancelled", error: problem, updatedAt: now, completedAt: now });
    this.emit("operation.updated", null, null, { kind: operation.kind, state: "cancelled" }, operation.id);
  }

  emit(
    type: Event["type"],
    vm: FakeVm | null,
    cause: string | null,
    data: Readonly<Record<string, unknown>>,
    operationId: string | null = null,
  ): void {
    const seq = String(++this.seq);
    if (vm !== null) vm.resource.resourceVersion = seq;
    this.events.push({
      ...{ seq, id: `evt_${seq.padStart(26, "0")}`, type, time: new Date().toISOString(), project: "default" },
      ...{ vmId: vm?.id ?? null, term: vm?.resource.status.term ?? null, cause, actor: { type: "system" } },
      ...{ operationId, requestId: null, data: { ...data } },
    });
    for (const wake of [...this.watchers]) wake();
  }

  /** Resolves with the next event, when `ms` are over, or when `signal` aborts. */
  news(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.watchers.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.watchers.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  workers(): Schemas["Worker"][] {
    const now = new Date().toISOString();
    return FAKE_WORKERS.map((name) => {
      const held = this.vms.flatMap(({ resource }) => resource.status.replicas.filter(({ workerName }) => workerName === name));
      return {
        ...{ id: `wrk_${name}`, name, labels: {}, createdAt: FAKE_IMAGE.createdAt, updatedAt: now, spec: { desiredState: "ready" } },
        status: {
          ...{ state: "ready", host: "fake", zone: null, pid: 1, incarnation: "fake", cores: 2, memoryMiB: 8192 },
          ...{ memoryPromisedMiB: 128 * held.length, replicas: held.length, engine: { version: "0.0.0", buildDigest: "0".repeat(64) } },
          ...{ nodeVersion: "v20.0.0", lastHeartbeatAt: now, operationId: null },
        },
      };
    });
  }
}
