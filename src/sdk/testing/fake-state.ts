/** What the fake service holds: VMs, workers, operations, events, tokens, and the entries of its audit log. */
import type { Schemas } from "../client.ts";
import { FakeConsoles } from "./fake-console.ts";
import { FakeProblem, invalid } from "./fake-problem.ts";
import { FakeTokens } from "./fake-tokens.ts";
import { FakeVm } from "./fake-vm.ts";
import { FakeWorkers } from "./fake-workers.ts";

type Operation = Schemas["Operation"];
type Event = Schemas["Event"];

/** The longest that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

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
  readonly workers = new FakeWorkers(this.vms);
  readonly tokens: FakeTokens;
  /** In the order of the answers. */
  readonly audit: Schemas["AuditEntry"][] = [];
  readonly consoles = new FakeConsoles();
  /** Oldest first; those below `oldest` are not kept. */
  events: Event[] = [];
  seq = 0;
  private count = 0;
  private readonly watchers = new Set<() => void>();
  private readonly expiries = new Map<string, NodeJS.Timeout>();

  /**
   * @param settles VMs run, and are protected, by themselves
   * @param secret of the first token
   */
  constructor(
    private readonly settles: boolean,
    secret: string,
  ) {
    this.tokens = new FakeTokens(secret, (prefix) => this.id(prefix));
  }

  get oldest(): number {
    return this.events.length === 0 ? this.seq + 1 : Number(this.events[0]?.seq);
  }

  id(prefix: string): string {
    return `${prefix}_${String(++this.count).padStart(26, "0")}`;
  }

  has(ref: string): boolean {
    return this.find(ref) !== undefined;
  }

  /** @throws {FakeProblem} `vm_not_found` */
  vm(ref: string): FakeVm {
    const found = this.find(ref);
    if (found === undefined) throw new FakeProblem(404, "vm_not_found", `Cannot find the VM "${ref}"`);
    return found;
  }

  /** @throws {FakeProblem} `vm_not_found`, `vm_deleted` */
  living(ref: string): FakeVm {
    const vm = this.vm(ref);
    if (vm.resource.status.state === "deleted") throw new FakeProblem(410, "vm_deleted", `Cannot use the VM "${ref}": it was deleted`);
    return vm;
  }

  private find(ref: string): FakeVm | undefined {
    return this.vms.find(({ resource }) => resource.id === ref || (resource.name === ref && resource.status.state !== "deleted"));
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
    this.setExpiry(vm);
    this.emit("vm.created", vm, null, { name: vm.resource.name });
    const operation = this.begin("vm.create", vm);
    if (spec.desiredState === "stopped") {
      vm.become("stopped", "stop_requested");
      this.end(operation);
      return vm;
    }
    this.later(vm, () => {
      if (spec.desiredState === "paused") vm.pause();
      else vm.run();
      this.end(operation);
    });
    return vm;
  }

  /** After the answer that told of it, unless tests bring it about themselves. */
  later(vm: FakeVm, work: () => void): void {
    if (this.settles) setImmediate(() => vm.resource.status.state !== "deleted" && work());
  }

  /** Of a VM that never was: done. */
  deleteNothing(): Operation {
    const operation = this.begin("vm.delete", null);
    this.end(operation);
    return operation;
  }

  /** @param cause null: somebody asked for it */
  delete(vm: FakeVm, cause: string | null = null): Operation {
    const operation = this.begin("vm.delete", vm);
    vm.become("deleted", cause);
    this.consoles.close(vm, 4410, "vm_deleted: the VM was deleted");
    this.emit("vm.deleted", vm, cause, {}, operation.id);
    this.end(operation);
    return operation;
  }

  /** Says when the VM's time to live is over, and deletes it then, unless tests bring everything about themselves. */
  setExpiry(vm: FakeVm): void {
    clearTimeout(this.expiries.get(vm.id));
    const { createdAt, spec, status } = vm.resource;
    const kept = spec.ttlSeconds === null || spec.deletionProtection;
    status.expiresAt = kept ? null : new Date(Date.parse(createdAt) + (spec.ttlSeconds ?? 0) * 1000).toISOString();
    if (status.expiresAt === null || !this.settles) return;
    const leftMs = Date.parse(status.expiresAt) - Date.now();
    const due = (): void => {
      if (status.state === "deleted") return;
      if (leftMs > TIMER_MS_MAX) this.setExpiry(vm);
      else this.delete(vm, "ttl_expired");
    };
    this.expiries.set(vm.id, setTimeout(due, Math.min(Math.max(0, leftMs), TIMER_MS_MAX)).unref());
  }

  begin(kind: Operation["kind"], about: FakeVm | { readonly workerId: string } | null): Operation {
    const now = new Date().toISOString();
    const [vm, workerId] = about instanceof FakeVm ? [about, null] : [null, about?.workerId ?? null];
    const operation: Operation = {
      ...{ id: this.id("op"), kind, state: "running", vmId: vm?.id ?? null, workerId, result: null, error: null },
      ...{ createdAt: now, updatedAt: now, completedAt: null },
    };
    this.operations.unshift(operation);
    if (vm !== null) vm.resource.status.operationId = operation.id;
    this.emit("operation.updated", vm, null, { kind, state: "running" }, operation.id);
    return operation;
  }

  /** What an operator wants of a worker. Another order ends a drain that runs; a drain ends by itself once the worker holds nothing. */
  orderWorker(ref: string, verb: "cordon" | "uncordon" | "drain" | "fence"): Operation {
    const desired = { cordon: "cordoned", uncordon: "ready", drain: "drained", fence: "fenced" } as const;
    const { before, after } = this.workers.order(ref, desired[verb]);
    const data = { workerId: after.id, name: after.name };
    for (const drain of this.drains(after.id)) this.cancel(drain);
    const operation = this.begin(`worker.${verb}`, { workerId: after.id });
    if (before.status.state !== after.status.state)
      this.emit("worker.state.changed", null, "user_action", { ...data, from: before.status.state, state: after.status.state });
    if (verb === "fence") this.emit("worker.fenced", null, "user_action", data);
    if (verb === "drain") this.emit("worker.drain.started", null, "user_action", data);
    if (verb !== "drain") this.end(operation);
    else this.endDrains();
    return operation;
  }

  private drains(workerId: string): Operation[] {
    return this.operations.filter(({ kind, state, workerId: of }) => kind === "worker.drain" && state === "running" && of === workerId);
  }

  private endDrains(): void {
    for (const { id, name, status } of this.workers.all()) {
      if (status.replicas > 0) continue;
      for (const drain of this.drains(id)) {
        this.end(drain);
        this.emit("worker.drain.completed", null, "drained", { workerId: id, name }, drain.id);
      }
    }
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
    // What a worker held may be gone by that.
    if (type === "vm.state.changed" || type === "vm.deleted") this.endDrains();
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
}
