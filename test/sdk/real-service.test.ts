/** The SDK against the real service: what a user meets, the ordinary and the refused. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ConsoleWriterBusyError,
  ImageNotFoundError,
  NameTakenError,
  NotProtectedError,
  UnauthenticatedError,
  Understudy,
  ValidationFailedError,
  VmDeletedError,
  VmNotFoundError,
  WaitTargetUnreachableError,
  WaitTimeoutError,
} from "../../src/sdk/index.ts";
import { Installation } from "../support/installation.ts";

let at: Installation;
let client: Understudy;
beforeAll(async () => {
  at = await Installation.start();
  client = at.client;
});
afterAll(async () => await at?.stop());

describe("the whole way", () => {
  it("from create over the console and a failover to delete", async () => {
    const events: string[] = [];
    const watching = new AbortController();
    const watched = (async () => {
      for await (const event of client.events.watch({ after: 0n, signal: watching.signal })) {
        events.push(event.type);
        if (event.type === "vm.deleted") return;
      }
    })();

    const guest = await at.boot({ name: "whole-way" });
    const { vm } = guest;
    expect((await vm.waitFor("protected")).status.protection.state).toBe("protected");
    expect((await vm.replicas()).map(({ role }) => role).sort()).toEqual(["backup", "primary"]);
    expect(await guest.run("echo $((6 * 7))")).toContain("42");

    // Somebody else may watch the same bytes, and may not write.
    const watcher = await vm.console.attach({ mode: "read", from: 0n });
    const first = await watcher.next();
    expect(first.value?.offset).toBe(0n);
    watcher.close();
    await expect(vm.console.attach({ mode: "write" })).rejects.toBeInstanceOf(ConsoleWriterBusyError);

    const { term } = vm.status;
    const operation = await vm.failover({ mode: "planned", expectedTerm: term });
    const failover = await operation.result();
    expect(failover).toMatchObject({ state: "completed", vmId: vm.id, mode: "planned" });
    expect(failover.term).toBeGreaterThan(term);
    expect((await vm.failovers().all()).map(({ id }) => id)).toEqual([failover.id]);
    expect(await guest.run("echo still $((40 + 2))")).toContain("still 42");

    const ended = guest.stream.next().catch((error: unknown) => error);
    await (await vm.delete()).result();
    await watched;
    watching.abort();
    expect(events).toEqual(
      expect.arrayContaining(["vm.created", "vm.failover.started", "vm.failover.completed", "vm.deleted"]) as string[],
    );
    await expect(vm.refresh()).rejects.toSatisfy((error) => error instanceof VmDeletedError || error instanceof VmNotFoundError);
    const end = await ended;
    expect(end instanceof VmDeletedError || (end as { done?: boolean }).done === true).toBe(true);
  });
});

describe("what is refused", () => {
  it.each([
    ["an unknown image", { image: "windows" }, ImageNotFoundError, "windows"],
    ["too little memory", { image: "debian", machine: { memoryMiB: 64 } }, ValidationFailedError, "this kernel needs at least 96 MiB"],
    ["a bad name", { image: "debian", name: "No_Good" }, ValidationFailedError, "/name"],
  ])("%s", async (_what, options, errorClass, says) => {
    const ids = async () => (await client.vms.list().all()).map(({ id }) => id);
    const before = await ids();
    const error = await client.vms.create(options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errorClass);
    expect((error as Error).message).toContain(says);
    expect((error as ValidationFailedError).requestId).toMatch(/^req_/);
    expect(await ids()).toEqual(before);
  });

  it("a missing and a wrong token, on HTTP and on the console", async () => {
    const without = (request: Request, init: RequestInit) => {
      request.headers.delete("authorization");
      return fetch(request, init);
    };
    for (const sent of [{}, { fetch: without }]) {
      const stranger = new Understudy({ url: client.url, token: "wrong", maxRetries: 0, ...sent });
      await expect(stranger.vms.list().page()).rejects.toBeInstanceOf(UnauthenticatedError);
      await expect(stranger.events.watch().next()).rejects.toBeInstanceOf(UnauthenticatedError);
    }
    const upgrade = {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    const status = await new Promise((resolve, reject) => {
      const asked = request(`${client.url}/v1/vms/x/console`, { headers: upgrade }, (response) => resolve(response.statusCode));
      asked.on("error", reject);
      asked.end();
    });
    expect(status).toBe(401);
  });

  it("a VM that is not there", async () => {
    await expect(client.vms.get("nobody")).rejects.toBeInstanceOf(VmNotFoundError);
    await expect(client.vms.delete("nobody")).rejects.toBeInstanceOf(VmNotFoundError);
  });

  it("a name twice, a failover without a backup, a target out of reach, an offset beyond the end", async () => {
    const vm = await client.vms.create({ name: "alone", image: "debian", machine: { memoryMiB: 96 }, protection: { mode: "none" } });
    await vm.waitFor("running");
    await expect(client.vms.create({ name: "alone", image: "debian" })).rejects.toBeInstanceOf(NameTakenError);
    await expect(vm.failover({ mode: "planned" })).rejects.toBeInstanceOf(NotProtectedError);
    await expect(vm.waitFor("protected")).rejects.toBeInstanceOf(WaitTargetUnreachableError);
    await expect(vm.waitFor("stopped", { timeoutMs: 1 })).rejects.toBeInstanceOf(WaitTimeoutError);
    await expect(vm.console.attach({ from: 1n << 60n })).rejects.toBeInstanceOf(ValidationFailedError);
    await (await client.vms.delete("alone")).result();
  });

  it("nothing, where the same call comes twice with one key", async () => {
    const options = { name: "once", image: "debian", machine: { memoryMiB: 96 }, protection: { mode: "none" } } as const;
    const [one, two] = await Promise.all([
      client.vms.create(options, { idempotencyKey: "k1" }),
      client.vms.create(options, { idempotencyKey: "k1" }),
    ]);
    expect(two.id).toBe(one.id);
    expect((await client.vms.list().all()).filter(({ name }) => name === "once")).toHaveLength(1);
    await (await one.delete()).result();
  });
});
