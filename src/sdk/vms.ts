/** The VMs of a service: create, get, list, delete; and one VM, a snapshot that is brought up to date with `refresh()`. */
import type { Opened, RawClient, Schemas } from "./client.ts";
import { unwrap } from "./client.ts";
import type { ConsoleDependencies } from "./console-stream.ts";
import { askWithin, longPollSeconds } from "./deadline.ts";
import { VmNotFoundError, WaitTimeoutError } from "./errors.ts";
import { type OperationResource, PendingOperation } from "./operation.ts";
import { PagedList } from "./paged-list.ts";
import { EXTRA_TIMEOUT_HEADER } from "./transport.ts";
import { VmConsole } from "./vm-console.ts";

export type VmResource = Pick<Schemas["Vm"], "spec"> & Opened<Omit<Schemas["Vm"], "spec">>;
export type Replica = Opened<Schemas["Replica"]>;
type FailoverResource = Opened<Schemas["Failover"]>;
/** The resource, and what is asked for most by a name of its own: that is no part of it as JSON. */
export interface Failover extends Omit<FailoverResource, "gapMs"> {
  /** `clientVisible`: the same as `client`. */
  readonly gapMs: (NonNullable<FailoverResource["gapMs"]> & { readonly clientVisible: number | null }) | null;
  /** Both primaries had the same state where they were compared last; null: the failover is not completed. */
  readonly stateHashMatch: boolean | null;
}
export type FailoverMode = Schemas["FailoverRequest"]["mode"];
/** `settled`: nothing is on its way. `condition:Protected=True` and the like: a type and a status of `status.conditions`. */
export type WaitTarget =
  | "running"
  | "paused"
  | "protected"
  | "fully_protected"
  | "stopped"
  | "settled"
  | "deleted"
  | `condition:${string}=${"True" | "False" | "Unknown"}`;

type VmSpecRequest = Schemas["VmSpecRequest"];
type Labels = NonNullable<Schemas["CreateVmRequest"]["labels"]>;

/** The spec's fields, with the name and labels beside them. */
export interface CreateVmOptions extends VmSpecRequest {
  readonly name?: string;
  readonly labels?: Labels;
}

export interface CallOptions {
  /** A repeat with the same key has the effect of one call. Default: a new key for each call. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export type VmPatch = Schemas["PatchVmRequest"];

export interface UpdateOptions {
  /** Refuse where the spec has another generation by now: a change that was made for what is no longer so. */
  readonly ifGeneration?: number;
  /** Check, and answer as if it were done. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

export interface ListVmsOptions {
  /** Deleted ones are listed only where they are asked for. */
  readonly state?: Schemas["VmState"];
  readonly protection?: Schemas["ProtectionState"];
  readonly name?: string;
  /** Only VMs with a replica there: a worker's id or name, a zone. */
  readonly worker?: string;
  readonly zone?: string;
  /** `env=prod,tier!=db,owner,!retired`: all of them. */
  readonly labelSelector?: string;
  readonly pageSize?: number;
  /** Default `createdAt`. */
  readonly orderBy?: "createdAt" | "createdAt desc" | "name" | "name desc";
  readonly signal?: AbortSignal;
}

export interface WaitOptions {
  /** Default 60 s. The wait ends then, whether or not the service answers. 0: one look at how it is. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called about once a second with the VM as it is, `waitFor` asks so often then. */
  readonly onProgress?: (vm: VmResource) => void;
}

export interface VmDependencies {
  readonly raw: RawClient;
  readonly console: Omit<ConsoleDependencies, "vm">;
}

/** Longest wait that the service takes in one call, seconds. */
const LONG_POLL_SECONDS = 60;
/** Where somebody wants to see how it goes. */
const PROGRESS_POLL_SECONDS = 1;

export class Vms {
  private readonly dependencies: VmDependencies;

  constructor(dependencies: VmDependencies) {
    this.dependencies = dependencies;
  }

  /** The VM is there when this resolves, not yet running: `waitFor` says when it is. */
  async create(options: CreateVmOptions, call: CallOptions = {}): Promise<Vm> {
    const params = { header: idempotencyHeader(call) };
    return this.toVm(unwrap(await this.dependencies.raw.POST("/v1/vms", { body: createBody(options), params, ...signalOf(call) })));
  }

  /** Checks what `create` would be asked for, and makes nothing: the VM as it would be, with its replicas where they would be placed now. */
  async preview(options: CreateVmOptions, call: { readonly signal?: AbortSignal } = {}): Promise<VmResource> {
    const params = { query: { dryRun: true } };
    return unwrap(await this.dependencies.raw.POST("/v1/vms", { body: createBody(options), params, ...signalOf(call) }));
  }

  /** @param vm id or name */
  async get(vm: string, call: { readonly signal?: AbortSignal } = {}): Promise<Vm> {
    return this.toVm(unwrap(await this.dependencies.raw.GET("/v1/vms/{vm}", { params: { path: { vm } }, ...signalOf(call) })));
  }

  list(options: ListVmsOptions = {}): PagedList<Vm> {
    const { signal: _, ...filter } = options;
    return new PagedList(async (pageToken) => {
      const query = { ...filter, ...(pageToken === null ? {} : { pageToken }) };
      const page = unwrap(await this.dependencies.raw.GET("/v1/vms", { params: { query }, ...signalOf(options) }));
      return { items: page.items.map((resource) => this.toVm(resource)), nextPageToken: page.nextPageToken };
    });
  }

  /**
   * Ends the VM at once, for good, also where its workers are gone. `deletion_protected` where its spec says so.
   *
   * @param vm id, or the name of the VM that has it now: a repeat after a lost answer never deletes another that has taken it since
   * @param call.allowMissing where there is no such VM it is done already, and not `vm_not_found`
   */
  delete(vm: string, call: { readonly allowMissing?: boolean; readonly signal?: AbortSignal } = {}): PendingOperation<void> {
    const { raw } = this.dependencies;
    const query = call.allowMissing === undefined ? {} : { allowMissing: call.allowMissing };
    const deletion = (id: string) => raw.DELETE("/v1/vms/{vm}", { params: { path: { vm: id }, query }, ...signalOf(call) });
    return PendingOperation.of(raw, this.idOf(vm, call).then(deletion), () => undefined);
  }

  /** The name itself where no VM has it: what is asked of that one says so. */
  private async idOf(vm: string, call: { readonly signal?: AbortSignal }): Promise<string> {
    // No name has such a sign.
    if (vm.startsWith("vm_")) return vm;
    const found = await this.get(vm, call).catch((error: unknown) => {
      if (error instanceof VmNotFoundError) return null;
      throw error;
    });
    return found?.id ?? vm;
  }

  private toVm(resource: VmResource): Vm {
    return new Vm(this.dependencies, resource);
  }
}

export class Vm {
  readonly console: VmConsole;
  private readonly dependencies: VmDependencies;
  private latest: VmResource;

  constructor(dependencies: VmDependencies, resource: VmResource) {
    this.dependencies = dependencies;
    this.latest = resource;
    this.console = new VmConsole(dependencies, resource.id);
  }

  get id(): string {
    return this.latest.id;
  }

  get name(): string | null {
    return this.latest.name;
  }

  get spec(): VmResource["spec"] {
    return this.latest.spec;
  }

  /** As of the last answer: `refresh()` asks again. */
  get status(): VmResource["status"] {
    return this.latest.status;
  }

  /** The whole resource as the service sent it last. */
  get resource(): VmResource {
    return this.latest;
  }

  async refresh(call: { readonly signal?: AbortSignal } = {}): Promise<this> {
    this.latest = unwrap(await this.dependencies.raw.GET("/v1/vms/{vm}", { params: { path: { vm: this.id } }, ...signalOf(call) }));
    return this;
  }

  /**
   * Changes name, labels and spec: what is left out stays, null takes away. This VM is up to date afterwards, unless it was a dry run.
   *
   * @returns the VM as it is, or would be
   * @throws {EtagMismatchError} where `ifGeneration` is not the generation; {InvalidStateError} for what cannot change now
   */
  async update(patch: VmPatch, options: UpdateOptions = {}): Promise<VmResource> {
    const { ifGeneration, dryRun } = options;
    const updated = unwrap(
      await this.dependencies.raw.PATCH("/v1/vms/{vm}", {
        params: {
          path: { vm: this.id },
          ...(dryRun === undefined ? {} : { query: { dryRun } }),
          ...(ifGeneration === undefined ? {} : { header: { "if-match": `"g${ifGeneration}"` } }),
        },
        body: patch,
        ...signalOf(options),
      }),
    );
    if (dryRun !== true) this.latest = updated;
    return updated;
  }

  /**
   * @returns this VM, up to date, once the service has seen the target
   * @throws {WaitTargetUnreachableError} where the VM cannot get there; {WaitTimeoutError} where it takes longer
   */
  async waitFor(target: WaitTarget, options: WaitOptions = {}): Promise<this> {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const deadline = performance.now() + timeoutMs;
    const longest = options.onProgress === undefined ? LONG_POLL_SECONDS : PROGRESS_POLL_SECONDS;
    let leftMs = timeoutMs;
    do {
      const answer = await this.askWhether(target, Math.max(0, leftMs), longest, options);
      if (answer !== null) {
        this.latest = answer.vm;
        if (answer.reached) return this;
        options.onProgress?.(answer.vm);
      }
      leftMs = answer === null ? 0 : deadline - performance.now();
    } while (leftMs > 0);
    const { state, protection } = this.status;
    const why = protection.reason === null ? "" : ` (${protection.reason})`;
    throw new WaitTimeoutError(`${this.name ?? this.id} ${target}`, timeoutMs, `it is ${state}, ${protection.state}${why}`);
  }

  /** @returns null where `leftMs` were over first; with none left it is a look, which is not cut short */
  private async askWhether(target: WaitTarget, leftMs: number, longest: number, caller: { readonly signal?: AbortSignal }) {
    const timeout = leftMs === 0 ? 0 : longPollSeconds(leftMs, longest);
    const ask = async (call: { readonly signal?: AbortSignal }) =>
      unwrap(
        await this.dependencies.raw.GET("/v1/vms/{vm}/wait", {
          params: { path: { vm: this.id }, query: { for: target, timeout } },
          headers: { [EXTRA_TIMEOUT_HEADER]: timeout * 1000 },
          ...call,
        }),
      );
    return leftMs === 0 ? ask(signalOf(caller)) : askWithin(leftMs, caller.signal, (signal) => ask({ signal }));
  }

  /**
   * Makes a backup take over: any that is synced, or the one that is named.
   *
   * @param options.mode `planned`: the primary hands over; `test`: it is killed, and the gap is that of a true failure; `forced`: it is
   *   not waited for, as where it hangs
   * @throws {NotProtectedError} where no backup is synced
   */
  failover(
    options: { readonly mode: FailoverMode; readonly expectedTerm?: number; readonly targetReplica?: string } & CallOptions,
  ): PendingOperation<Failover> {
    const { mode, expectedTerm, targetReplica } = options;
    const body = {
      mode,
      ...(expectedTerm === undefined ? {} : { expectedTerm }),
      ...(targetReplica === undefined ? {} : { targetReplica }),
    };
    const { raw } = this.dependencies;
    const call = { ...this.verb(options), body };
    return PendingOperation.of(raw, raw.POST("/v1/vms/{vm}/failover", call), readFailover);
  }

  async replicas(call: { readonly signal?: AbortSignal } = {}): Promise<readonly Replica[]> {
    const answer = await this.dependencies.raw.GET("/v1/vms/{vm}/replicas", { params: { path: { vm: this.id } }, ...signalOf(call) });
    return unwrap(answer).items;
  }

  /** Drops a backup, and has another one made in its place. */
  restartReplica(replica: string, call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/replicas/{replica}/restart", this.replicaVerb(replica, call)));
  }

  /**
   * Has a replica be on another worker: make before break.
   *
   * @throws {NoCapacityError}, {AntiAffinityUnsatisfiableError}, {EngineMismatchError} where it could be on none
   */
  migrateReplica(replica: string, options: { readonly targetWorker?: string } & CallOptions = {}): PendingOperation<void> {
    const { targetWorker } = options;
    const body = targetWorker === undefined ? {} : { targetWorker };
    return this.operation(
      this.dependencies.raw.POST("/v1/vms/{vm}/replicas/{replica}/migrate", { ...this.replicaVerb(replica, options), body }),
    );
  }

  /** Ends a replica as if its process had died; wants the scope chaos:write. */
  killReplica(replica: string, call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/replicas/{replica}/kill", this.replicaVerb(replica, call)));
  }

  /** Does without backups until `resumeProtection`. */
  suspendProtection(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/protection/suspend", this.verb(call)));
  }

  resumeProtection(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/protection/resume", this.verb(call)));
  }

  async getFailover(failover: string, call: { readonly signal?: AbortSignal } = {}): Promise<Failover> {
    const path = { vm: this.id, failover };
    return failoverOf(
      unwrap(await this.dependencies.raw.GET("/v1/vms/{vm}/failovers/{failover}", { params: { path }, ...signalOf(call) })),
    );
  }

  /** Newest first, with measured gaps. */
  failovers(options: { readonly signal?: AbortSignal } = {}): PagedList<Failover> {
    return new PagedList(async (pageToken) => {
      const query = pageToken === null ? {} : { pageToken };
      const page = unwrap(
        await this.dependencies.raw.GET("/v1/vms/{vm}/failovers", { params: { path: { vm: this.id }, query }, ...signalOf(options) }),
      );
      return { items: page.items.map(failoverOf), nextPageToken: page.nextPageToken };
    });
  }

  /** Another guest from the VM's image, for one that is stopped or failed. The operation ends when it runs. */
  start(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/start", this.verb(call)));
  }

  /** Has the guest power itself off, and ends it where it has not within `graceMs`. A stopped VM holds no memory. */
  stop(options: { readonly graceMs?: number } & CallOptions = {}): PendingOperation<void> {
    const body = options.graceMs === undefined ? {} : { graceMs: options.graceMs };
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/stop", { ...this.verb(options), body }));
  }

  /** Ends the guest at once, also where its workers are gone. The VM stays, stopped. */
  kill(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/kill", this.verb(call)));
  }

  /** Has the guest stand still, with its time; it stays protected. */
  pause(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/pause", this.verb(call)));
  }

  /** Has a paused guest go on at the next instruction. */
  resume(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/resume", this.verb(call)));
  }

  /** Ends the guest, and starts another one. The operation ends when that one runs. */
  reset(call: CallOptions = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.POST("/v1/vms/{vm}/reset", this.verb(call)));
  }

  delete(call: { readonly signal?: AbortSignal } = {}): PendingOperation<void> {
    return this.operation(this.dependencies.raw.DELETE("/v1/vms/{vm}", { params: { path: { vm: this.id } }, ...signalOf(call) }));
  }

  private verb(call: CallOptions) {
    return { params: { path: { vm: this.id }, header: idempotencyHeader(call) }, ...signalOf(call) };
  }

  private replicaVerb(replica: string, call: CallOptions) {
    return { params: { path: { vm: this.id, replica }, header: idempotencyHeader(call) }, ...signalOf(call) };
  }

  private operation(answer: Parameters<typeof PendingOperation.of>[1]): PendingOperation<void> {
    return PendingOperation.of(this.dependencies.raw, answer, () => undefined);
  }
}

function readFailover(operation: OperationResource): Failover {
  // The document types results by kind in prose only: `vm.failover: the Failover`.
  return failoverOf(operation.result as unknown as Schemas["Failover"]);
}

function failoverOf(resource: Schemas["Failover"]): Failover {
  const { gapMs, stateHash } = resource;
  // Not all of it is there from a service of an older version.
  const gaps = gapMs ? Object.defineProperty({ ...gapMs }, "clientVisible", { value: gapMs.client ?? null }) : gapMs;
  return Object.defineProperty({ ...resource, gapMs: gaps }, "stateHashMatch", { value: stateHash?.match ?? null }) as unknown as Failover;
}

function idempotencyHeader(call: CallOptions): { readonly "idempotency-key"?: string } {
  return call.idempotencyKey === undefined ? {} : { "idempotency-key": call.idempotencyKey };
}

function createBody({ name, labels, ...spec }: CreateVmOptions) {
  return { ...(name === undefined ? {} : { name }), ...(labels === undefined ? {} : { labels }), spec };
}

function signalOf(call: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return call.signal === undefined ? {} : { signal: call.signal };
}
