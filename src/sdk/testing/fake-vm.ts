/** One VM of the fake service: its resource, and a guest that a test speaks for. */
import type { TerminalSize } from "../../wire/console-frames.ts";
import type { Schemas } from "../client.ts";

type VmResource = Schemas["Vm"];

export const FAKE_WORKERS = ["worker-1", "worker-2"] as const;
const ENGINE = { version: "0.0.0", buildDigest: "0".repeat(64) };
const MEMORY_MIB = 128;
const MAX_LAG_MS = 2000;
const TAIL_BYTES = 256 * 1024;

/** What the service does when something of a VM changes. */
export interface FakeVmEvents {
  changed(vm: FakeVm, type: Schemas["EventType"], cause: string | null, data: Readonly<Record<string, unknown>>): void;
  /** A message for every console that is attached. */
  told(vm: FakeVm, message: Readonly<Record<string, unknown>>): void;
  written(vm: FakeVm): void;
  /** Every console that is attached loses its connection. */
  cut(vm: FakeVm): void;
}

export class FakeVm {
  readonly resource: VmResource;
  /** Everything that the guest has written. */
  output = new Uint8Array(0);
  /** Everything that was typed, as text. */
  input = "";
  /** Input sessions: the next byte that is wanted of each. */
  readonly sessions = new Map<string, bigint>();
  private readonly listeners = new Set<(text: string) => void>();
  private readonly events: FakeVmEvents;

  constructor(id: string, request: Schemas["CreateVmRequest"], image: string, events: FakeVmEvents) {
    this.events = events;
    this.resource = newVm(id, request, image);
  }

  get id(): string {
    return this.resource.id;
  }

  get isProtected(): boolean {
    return this.resource.status.protection.state === "protected";
  }

  /** The guest writes to its console. */
  write(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const output = new Uint8Array(this.output.length + bytes.length);
    output.set(this.output);
    output.set(bytes, this.output.length);
    this.output = output;
    this.resource.status.console.end = String(output.length);
    this.events.written(this);
  }

  /** @param listener gets what is typed, each byte once. @returns what takes it off again */
  onInput(listener: (text: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The newest size that a console's terminal has said to have; null: none has. */
  terminal: TerminalSize | null = null;

  /** A size came in an input session, at the offset that is wanted. */
  resized(session: string, { cols, rows }: TerminalSize): void {
    this.sessions.set(session, (this.sessions.get(session) ?? 0n) + 1n);
    this.terminal = { cols, rows };
  }

  /** What came in an input session, from the byte that is wanted on. */
  typed(session: string, bytes: Uint8Array): void {
    this.sessions.set(session, (this.sessions.get(session) ?? 0n) + BigInt(bytes.length));
    const text = new TextDecoder().decode(bytes);
    this.input += text;
    for (const listener of [...this.listeners]) listener(text);
  }

  become(state: Schemas["VmState"], reason: string | null = null): void {
    const { status } = this.resource;
    status.state = state;
    status.stateReason = reason;
    status.replicas = this.placed();
    this.touch();
    if (state !== "running" && state !== "paused") this.setProtection(this.protects ? "inactive" : "off", null);
    this.events.changed(this, "vm.state.changed", reason, { state });
    this.events.told(this, { type: "state", state, reason });
  }

  setProtection(state: Schemas["ProtectionState"], reason: Schemas["ProtectionReason"] | null = null): void {
    const { protection } = this.resource.status;
    if (protection.state === state && protection.reason === reason) return;
    protection.state = state;
    protection.reason = reason;
    protection.syncedBackups = state === "protected" ? this.resource.spec.protection.backups : 0;
    protection.since = new Date().toISOString();
    this.resource.status.replicas = this.placed();
    this.touch();
    this.events.changed(this, "vm.protection.changed", reason, { state });
    this.events.told(this, { type: "protection", state, reason });
  }

  /** The guest runs, and is protected where that is wanted. */
  run(): void {
    this.haveGuest("running");
  }

  /** The guest stands still, and is protected where that is wanted. */
  pause(): void {
    this.haveGuest("paused");
  }

  /** The guest is over, by a call. */
  stop(reason: string): void {
    this.resource.spec.desiredState = "stopped";
    this.become("stopped", reason);
  }

  private haveGuest(state: "running" | "paused"): void {
    this.resource.spec.desiredState = state;
    if (this.resource.status.state !== state) this.become(state);
    this.setProtection(this.protects ? "protected" : "off");
  }

  /**
   * A backup takes over: the term rises by one, the consoles go on.
   *
   * @param cause as in the Failover; `worker_lost` is what a test wants to see survived
   */
  failOver(
    cause: Schemas["Failover"]["cause"] = "worker_lost",
    mode: Schemas["Failover"]["mode"] = null,
    operationId: string | null = null,
  ): Schemas["Failover"] {
    const { status } = this.resource;
    const now = new Date().toISOString();
    const [from = null, to = `rep_${this.id.slice(3)}b`] = status.replicas.map(({ id }) => id);
    status.term += 1;
    const failover: Schemas["Failover"] = {
      ...{ id: `fo_${this.id.slice(3)}${status.term}`, vmId: this.id, mode, cause, state: "completed", from, to, term: status.term },
      gapMs: { detect: 0, arbitrate: 1, promote: 1, total: 2, firstOutput: null, client: null },
      stateHash: { match: true, instant: status.instant, value: "0".repeat(16) },
      instant: status.instant,
      consoleEnd: status.console.end,
      operationId,
      startedAt: now,
      completedAt: now,
    };
    status.lastFailover = failover;
    this.failovers.unshift(failover);
    this.touch();
    this.events.changed(this, "vm.failover.completed", cause, { failoverId: failover.id, gapMs: failover.gapMs });
    this.events.told(this, {
      ...{ type: "term", term: status.term, epoch: status.term, cause, outOffset: status.console.end, inputNext: null, gapMs: 2 },
    });
    return failover;
  }

  /** Newest first. */
  readonly failovers: Schemas["Failover"][] = [];

  /** Every attached console loses its connection, as when a control plane is restarted. */
  cutConsoles(): void {
    this.events.cut(this);
  }

  touch(): void {
    this.resource.updatedAt = new Date().toISOString();
  }

  private get protects(): boolean {
    return this.resource.spec.protection.mode === "lockstep";
  }

  private placed(): Schemas["Replica"][] {
    const { state } = this.resource.status;
    if (state !== "running" && state !== "paused") return [];
    const roles = this.isProtected ? (["primary", "backup"] as const) : (["primary"] as const);
    return roles.map((role, index) => ({
      id: `rep_${this.id.slice(3)}${"ab"[index]}`,
      vmId: this.id,
      role,
      state: "live",
      stateReason: null,
      worker: `wrk_${FAKE_WORKERS[index]}`,
      workerName: FAKE_WORKERS[index] as string,
      zone: null,
      engine: ENGINE,
      appliedInstant: this.resource.status.instant,
      joinProgress: null,
      transfer: null,
      lastHeartbeatAt: new Date().toISOString(),
      createdAt: this.resource.createdAt,
    }));
  }
}

function newVm(id: string, { name, labels, spec }: Schemas["CreateVmRequest"], image: string): VmResource {
  const now = new Date().toISOString();
  const backups = spec.protection?.backups ?? (spec.protection?.mode === "none" ? 0 : 1);
  return {
    id,
    name: name ?? null,
    project: "default",
    labels: labels ?? {},
    createdAt: now,
    updatedAt: now,
    generation: 1,
    resourceVersion: "0",
    spec: {
      image,
      machine: { vcpus: 1, memoryMiB: spec.machine?.memoryMiB ?? MEMORY_MIB, platform: "virt" },
      cmdline: spec.cmdline ?? "",
      desiredState: spec.desiredState ?? "running",
      protection: {
        mode: backups === 0 ? "none" : "lockstep",
        backups,
        maxLagMs: spec.protection?.maxLagMs ?? MAX_LAG_MS,
        suspended: false,
        outputCommit: "strict",
      },
      placement: {
        workerSelector: spec.placement?.workerSelector ?? null,
        zones: spec.placement?.zones ?? [],
        antiAffinity: {
          domain: spec.placement?.antiAffinity?.domain ?? "worker",
          policy: spec.placement?.antiAffinity?.policy ?? "required",
        },
      },
      restartPolicy: spec.restartPolicy ?? "never",
      deletionProtection: spec.deletionProtection ?? false,
      ttlSeconds: spec.ttlSeconds ?? null,
      console: { headBytes: spec.console?.headBytes ?? 0, tailBytes: spec.console?.tailBytes ?? TAIL_BYTES },
    },
    status: {
      ...{
        state: "provisioning",
        stateReason: null,
        stateMessage: null,
        restarts: 0,
        expiresAt: null,
        term: 1,
        instant: "0",
        replicas: [],
        conditions: [],
      },
      protection: {
        ...{ state: backups === 0 ? "off" : "inactive", reason: null, syncedBackups: 0, wantedBackups: backups },
        ...{ lagInstructions: "0", lagMs: 0, logBytesPerSecond: 0, since: now },
      },
      console: { start: "0", end: "0", writer: null },
      operationId: null,
      lastFailover: null,
    },
  };
}
