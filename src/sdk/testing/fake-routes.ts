/** The routes of the fake service: those of VMs, workers, operations, events, tokens, the audit log, and what a client asks before it begins. */
import type { Schemas } from "../client.ts";
import { PROTECTION_STATES, VM_STATES } from "../words.ts";
import { FakeProblem, invalid } from "./fake-problem.ts";
import { FAKE_IMAGE, type FakeState } from "./fake-state.ts";
import type { FakeVm } from "./fake-vm.ts";

export interface FakeCall {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
  /** That the caller showed. */
  readonly token: Schemas["Token"];
  readonly signal: AbortSignal;
}

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

type Handler = (state: FakeState, call: FakeCall) => FakeAnswer | Promise<FakeAnswer>;

const ok = (body: unknown): FakeAnswer => ({ status: 200, body });
const NAME = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const TARGETS = ["running", "paused", "protected", "fully_protected", "stopped", "settled", "deleted"];

interface Verb {
  readonly kind: Schemas["Operation"]["kind"];
  readonly from: readonly Schemas["VmState"][];
  readonly work: (vm: FakeVm) => void;
}

const VERBS = {
  start: { kind: "vm.start", from: ["stopped", "failed"], work: (vm) => vm.run() },
  stop: { kind: "vm.stop", from: ["running", "paused", "provisioning"], work: (vm) => vm.stop("guest_poweroff") },
  kill: { kind: "vm.kill", from: ["running", "paused", "stopped", "failed", "provisioning"], work: (vm) => vm.stop("killed") },
  pause: { kind: "vm.pause", from: ["running"], work: (vm) => vm.pause() },
  resume: { kind: "vm.resume", from: ["paused"], work: (vm) => vm.run() },
  reset: {
    kind: "vm.reset",
    from: ["running", "paused", "stopped", "failed"],
    work: (vm) => {
      vm.become("stopped", "killed");
      vm.run();
    },
  },
} as const satisfies Readonly<Record<string, Verb>>;

/** `GET /v1/vms/{vm}` and the like, in the words of the document. */
export const FAKE_ROUTES: Readonly<Record<string, Handler>> = {
  "GET /v1/version": () => ok({ service: "understudy", version: "0.0.0", api: "v1", capabilities: [] }),
  "GET /v1/images": (_state, { query }) => ok(page([FAKE_IMAGE], query)),
  "GET /v1/images/{image}": (_state, { path }) => {
    const [name, digest = FAKE_IMAGE.digest] = (path[2] ?? "").split("@");
    if (name !== FAKE_IMAGE.id && (name !== FAKE_IMAGE.name || digest !== FAKE_IMAGE.digest))
      throw new FakeProblem(404, "image_not_found", `Cannot find the image "${path[2]}": there is ${FAKE_IMAGE.name}`);
    return ok(FAKE_IMAGE);
  },
  "GET /v1/whoami": (_state, { token }) => ok({ token, project: "default" }),
  "POST /v1/tokens": (state, { body, token }) => {
    const created = state.tokens.create(body, token);
    state.emit("token.created", null, "user_action", { tokenId: created.token.id, name: created.token.name });
    return { status: 201, headers: { location: `/v1/tokens/${created.token.id}` }, body: created };
  },
  "GET /v1/tokens": (state, { query }) => ok(page(state.tokens.all, query)),
  "DELETE /v1/tokens/{token}": (state, { path }) => {
    const revoked = state.tokens.revoke(path[2] ?? "");
    state.emit("token.revoked", null, "user_action", { tokenId: revoked.id, name: revoked.name });
    return ok(revoked);
  },
  "GET /v1/audit-log": (state, { query }) => {
    const [from, to] = [query.get("startTime"), query.get("endTime")].map((time) => (time === null ? null : Date.parse(time)));
    const wanted = state.audit.filter(({ completedAt }) => {
      const at = Date.parse(completedAt);
      return at >= (from ?? at) && (to == null || at < to);
    });
    return ok(page(wanted, query));
  },
  "GET /v1/workers": (state, { query }) =>
    ok(
      page(
        state.workers.all().filter(({ labels }) => fitsSelector(labels, query)),
        query,
      ),
    ),
  "GET /v1/workers/{worker}": (state, { path }) => ok(state.workers.get(path[2] ?? "")),
  "PATCH /v1/workers/{worker}": (state, { path, body }) =>
    ok(state.workers.patch(path[2] ?? "", (body ?? {}) as Schemas["PatchWorkerRequest"])),
  "POST /v1/workers/{worker}/cordon": (state, { path }) => accepted(state.orderWorker(path[2] ?? "", "cordon")),
  "POST /v1/workers/{worker}/uncordon": (state, { path }) => accepted(state.orderWorker(path[2] ?? "", "uncordon")),
  "POST /v1/workers/{worker}/drain": (state, { path }) => accepted(state.orderWorker(path[2] ?? "", "drain")),
  "POST /v1/workers/{worker}/fence": (state, { path }) => accepted(state.orderWorker(path[2] ?? "", "fence")),
  "POST /v1/vms": (state, { body }) => {
    const vm = state.create(createRequest(body));
    const headers = { location: `/v1/vms/${vm.id}`, etag: etagOf(vm), "operation-id": vm.resource.status.operationId ?? "" };
    return { status: 201, headers, body: vm.resource };
  },
  "GET /v1/vms": (state, { query }) => {
    const wanted = state.vms.filter((vm) => matches(vm, query)).map(({ resource }) => resource);
    return ok({ ...page(inOrder(wanted, query), query), resourceVersion: String(state.seq) });
  },
  "GET /v1/vms/{vm}": (state, { path }) => withEtag(state.living(path[2] ?? "")),
  "PATCH /v1/vms/{vm}": (state, { path, body, headers, query }) => {
    const vm = state.living(path[2] ?? "");
    checkEtag(vm, headers);
    if (query.get("dryRun") !== "true") patch(state, vm, body as Schemas["PatchVmRequest"]);
    return withEtag(vm);
  },
  "DELETE /v1/vms/{vm}": (state, { path, headers, query }) => {
    if (query.get("allowMissing") === "true" && !state.has(path[2] ?? "")) return ok(state.deleteNothing());
    const vm = state.vm(path[2] ?? "");
    if (vm.resource.status.state === "deleted")
      return ok(state.operations.find(({ kind, vmId }) => kind === "vm.delete" && vmId === vm.id));
    checkEtag(vm, headers);
    if (vm.resource.spec.deletionProtection)
      throw new FakeProblem(409, "deletion_protected", "Cannot delete the VM: its deletion protection is on");
    return { status: 202, body: state.delete(vm) };
  },
  "GET /v1/vms/{vm}/wait": async (state, { path, query, signal }) => {
    const target = query.get("for") ?? "";
    if (!TARGETS.includes(target)) throw invalid("/query/for", `it is not one of ${TARGETS.join(", ")}`);
    const deadline = performance.now() + Number(query.get("timeout") ?? 30) * 1000;
    for (;;) {
      const vm = state.vm(path[2] ?? "");
      const why = whyUnreachable(vm, target);
      if (why !== null) throw new FakeProblem(409, "wait_target_unreachable", `Cannot wait for "${target}": ${why}`);
      const reached = isReached(vm, target);
      const leftMs = deadline - performance.now();
      if (reached || leftMs <= 0 || signal.aborted) return ok({ reached, vm: vm.resource });
      await state.news(leftMs, signal);
    }
  },
  "GET /v1/vms/{vm}/replicas": (state, { path }) => ok({ items: state.living(path[2] ?? "").resource.status.replicas }),
  "GET /v1/vms/{vm}/failovers": (state, { path, query }) => ok(page(state.vm(path[2] ?? "").failovers, query)),
  "POST /v1/vms/{vm}/failover": (state, { path, body }) => {
    const vm = state.living(path[2] ?? "");
    const { mode, expectedTerm, targetReplica } = (body ?? {}) as Schemas["FailoverRequest"];
    if (!["planned", "test", "forced"].includes(mode)) throw invalid("/mode", "it is not one of planned, test, forced");
    const { term, protection } = vm.resource.status;
    if (expectedTerm !== undefined && expectedTerm !== term)
      throw new FakeProblem(409, "term_mismatch", `Cannot fail over: the VM is in term ${term}`, { currentTerm: term });
    if (mode === "test" && targetReplica !== undefined) throw invalid("/targetReplica", "a failure does not choose who takes over");
    if (!vm.isProtected)
      throw new FakeProblem(409, "not_protected", `Cannot fail over: its protection is "${protection.state}"`, { retryable: true });
    const operation = state.begin("vm.failover", vm);
    state.later(vm, () => state.end(operation, { ...vm.failOver("user_action", mode, operation.id) }));
    return accepted(operation);
  },
  "POST /v1/vms/{vm}/start": verb("start"),
  "POST /v1/vms/{vm}/stop": verb("stop"),
  "POST /v1/vms/{vm}/kill": verb("kill"),
  "POST /v1/vms/{vm}/pause": verb("pause"),
  "POST /v1/vms/{vm}/resume": verb("resume"),
  "POST /v1/vms/{vm}/reset": verb("reset"),
  "GET /v1/operations": (state, { query }) => {
    const vmId = query.get("vm") === null ? null : state.vm(query.get("vm") ?? "").id;
    const wanted = state.operations.filter(
      ({ state: at, kind, vmId: of }) =>
        at === (query.get("state") ?? at) && kind === (query.get("kind") ?? kind) && (vmId === null || vmId === of),
    );
    return ok(page(wanted, query));
  },
  "GET /v1/operations/{operation}": async (state, { path, query, signal }) => {
    const operation = operationOf(state, path[2]);
    const deadline = performance.now() + Number(query.get("wait") ?? 0) * 1000;
    while (operation.state === "running" && performance.now() < deadline && !signal.aborted)
      await state.news(deadline - performance.now(), signal);
    return ok(operation);
  },
  "POST /v1/operations/{operation}/cancel": (state, { path }) => {
    const operation = operationOf(state, path[2]);
    state.cancel(operation);
    return accepted(operation);
  },
  "GET /v1/events": (state, { query }) => {
    const { events } = eventsAfter(state, query, query.get("after") ?? String(state.oldest - 1));
    const items = events.slice(0, Number(query.get("pageSize") ?? 200));
    const nextAfter = items.length < events.length ? (items.at(-1)?.seq ?? "0") : String(state.seq);
    return ok({ items, nextAfter });
  },
};

/** @throws {FakeProblem} `event_cursor_expired`, `vm_not_found` */
export function eventsAfter(state: FakeState, query: URLSearchParams, after: string): { readonly events: Schemas["Event"][] } {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(after)) throw invalid("/query/after", "an event number is wanted");
  if (Number(after) + 1 < state.oldest || Number(after) > state.seq) {
    const known = `the events that are kept are ${state.oldest} to ${state.seq}`;
    throw new FakeProblem(410, "event_cursor_expired", `Cannot go on from ${after}: ${known}`, { oldest: String(state.oldest) });
  }
  const vm = query.get("vm");
  const vmId = vm === null ? null : state.vm(vm).id;
  const types = (query.get("types") ?? "").split(",").filter((type) => type !== "");
  const fits = (type: string) =>
    types.length === 0 || types.some((each) => (each.endsWith("*") ? type.startsWith(each.slice(0, -1)) : type === each));
  return { events: state.events.filter(({ seq, type, vmId: of }) => Number(seq) > Number(after) && fits(type) && (vmId ?? of) === of) };
}

function verb(name: keyof typeof VERBS): Handler {
  return (state, { path, headers }) => {
    const vm = state.living(path[2] ?? "");
    checkEtag(vm, headers);
    checkState(vm, name);
    return accepted(order(state, vm, name));
  };
}

function checkState({ resource }: FakeVm, name: keyof typeof VERBS): void {
  const { state } = resource.status;
  const { from }: Verb = VERBS[name];
  if (from.includes(state)) return;
  throw new FakeProblem(409, "invalid_state", `Cannot ${name} the VM: it is ${state}`, { currentState: state, allowedStates: [...from] });
}

function order(state: FakeState, vm: FakeVm, name: keyof typeof VERBS): Schemas["Operation"] {
  const { kind, work }: Verb = VERBS[name];
  const operation = state.begin(kind, vm);
  state.later(vm, () => {
    work(vm);
    state.end(operation);
  });
  return operation;
}

/** What a `desiredState` in a patch sets going; null: it is so already. */
function verbTowards(desired: Schemas["Vm"]["spec"]["desiredState"] | undefined, { resource }: FakeVm): keyof typeof VERBS | null {
  const { state } = resource.status;
  if (desired === undefined || (resource.spec.desiredState === desired && state !== "stopped" && state !== "failed")) return null;
  if (desired === "stopped") return state === "stopped" ? null : "stop";
  if (desired === "paused") return "pause";
  return state === "paused" ? "resume" : "start";
}

function accepted(operation: Schemas["Operation"]): FakeAnswer {
  return { status: 202, headers: { location: `/v1/operations/${operation.id}` }, body: operation };
}

function withEtag(vm: FakeVm): FakeAnswer {
  return { status: 200, headers: { etag: etagOf(vm) }, body: vm.resource };
}

function etagOf(vm: FakeVm): string {
  return `"g${vm.resource.generation}"`;
}

function checkEtag(vm: FakeVm, headers: FakeCall["headers"]): void {
  const wanted = headers["if-match"];
  if (wanted === undefined || wanted === "*" || wanted.split(",").some((tag) => tag.trim() === etagOf(vm))) return;
  throw new FakeProblem(412, "etag_mismatch", `Cannot change the VM: its spec is at ${etagOf(vm)}, If-Match says ${wanted}`);
}

function operationOf(state: FakeState, id = ""): Schemas["Operation"] {
  const found = state.operations.find((operation) => operation.id === id);
  if (found === undefined) throw new FakeProblem(404, "operation_not_found", `Cannot find the operation "${id}"`);
  return found;
}

/** What would most often be wrong; the whole schema is the real service's to check. */
function createRequest(body: unknown): Schemas["CreateVmRequest"] {
  const { name, spec } = (body ?? {}) as Partial<Schemas["CreateVmRequest"]>;
  if (typeof spec !== "object" || spec === null) throw invalid("/spec", "it is missing");
  if (typeof spec.image !== "string") throw invalid("/spec/image", "it is missing");
  if (name !== undefined && (typeof name !== "string" || !NAME.test(name))) throw invalid("/name", "a label of RFC 1123 is wanted");
  return body as Schemas["CreateVmRequest"];
}

function patch(state: FakeState, vm: FakeVm, { name, labels, spec }: Schemas["PatchVmRequest"]): void {
  const { resource } = vm;
  const towards = verbTowards(spec?.desiredState, vm);
  if (towards !== null) checkState(vm, towards);
  if (name !== undefined) resource.name = name;
  if (labels === null) resource.labels = {};
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (value === null) delete resource.labels[key];
    else resource.labels[key] = value;
  }
  const before = JSON.stringify(resource.spec);
  const { backups, maxLagMs } = spec?.protection ?? {};
  if (backups != null) resource.spec.protection.backups = backups;
  if (maxLagMs != null) resource.spec.protection.maxLagMs = maxLagMs;
  if (spec?.deletionProtection !== undefined) resource.spec.deletionProtection = spec.deletionProtection ?? false;
  const { headBytes, tailBytes } = spec?.console ?? {};
  if (headBytes != null) resource.spec.console.headBytes = headBytes;
  if (tailBytes != null) resource.spec.console.tailBytes = tailBytes;
  if (spec?.ttlSeconds !== undefined) resource.spec.ttlSeconds = spec.ttlSeconds;
  state.setExpiry(vm);
  if (spec?.desiredState !== undefined) resource.spec.desiredState = spec.desiredState;
  if (JSON.stringify(resource.spec) !== before) resource.generation += 1;
  vm.touch();
  state.emit("vm.spec.changed", vm, null, { generation: resource.generation });
  if (towards !== null) order(state, vm, towards);
}

function fitsSelector(labels: Readonly<Record<string, string>>, query: URLSearchParams): boolean {
  const selector = (query.get("labelSelector") ?? "").split(",").filter((part) => part !== "");
  return selector.every((part) => {
    const [, key = "", operator, value] = /^([^=!]+)(!?=)(.*)$/.exec(part) ?? [];
    if (operator === "=") return labels[key] === value;
    if (operator === "!=") return labels[key] !== value;
    return part.startsWith("!") ? labels[part.slice(1)] === undefined : labels[part] !== undefined;
  });
}

/** Those that come with it are in the order of their creation. */
function inOrder(vms: Schemas["Vm"][], query: URLSearchParams): readonly Schemas["Vm"][] {
  const [by, descends] = (query.get("orderBy") ?? "createdAt").split(" ");
  const nameOf = ({ name }: Schemas["Vm"]) => name ?? "";
  if (by === "name") vms.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  return descends === "desc" ? vms.reverse() : vms;
}

function matches({ resource }: FakeVm, query: URLSearchParams): boolean {
  const { status, name, labels } = resource;
  const placed = (wanted: string | null) =>
    wanted === null || status.replicas.some(({ worker, workerName }) => worker === wanted || workerName === wanted);
  const state = query.get("state");
  checkWord("/query/state", state, VM_STATES);
  checkWord("/query/protection", query.get("protection"), PROTECTION_STATES);
  return (
    fitsSelector(labels, query) &&
    (state === null ? status.state !== "deleted" : status.state === state) &&
    (query.get("name") ?? name) === name &&
    (query.get("protection") ?? status.protection.state) === status.protection.state &&
    placed(query.get("worker"))
  );
}

/** @throws {FakeProblem} `validation_failed`: nothing could match it */
function checkWord(pointer: string, word: string | null, words: readonly string[]): void {
  if (word !== null && !words.includes(word)) throw invalid(pointer, `it is none of ${words.join(", ")}`);
}

function page<T extends { readonly id: string }>(
  items: readonly T[],
  query: URLSearchParams,
): { items: T[]; nextPageToken: string | null } {
  const token = query.get("pageToken");
  const size = Number(query.get("pageSize") ?? 50);
  const start = token === null ? 0 : items.findIndex(({ id }) => `after.${id}` === token) + 1;
  if (token !== null && start === 0)
    throw new FakeProblem(400, "bad_page_token", "Cannot use the page token: it is not one that this service gave");
  const found = items.slice(start, start + size);
  return { items: found, nextPageToken: start + size < items.length ? `after.${found.at(-1)?.id}` : null };
}

function isReached({ resource: { status } }: FakeVm, target: string): boolean {
  switch (target) {
    case "protected":
    case "fully_protected":
      return status.protection.state === "protected";
    case "settled":
      return status.operationId === null && status.protection.state !== "syncing";
    default:
      return status.state === target;
  }
}

function whyUnreachable({ resource: { status, spec } }: FakeVm, target: string): string | null {
  if (target === "settled") return null;
  if (target === "deleted") return null;
  if (status.state === "deleted") return "the VM was deleted";
  if (target.endsWith("protected") && spec.protection.mode === "none") return "its protection mode is none";
  if (status.state === "failed" && target !== "stopped") return "the VM is failed";
  return null;
}
