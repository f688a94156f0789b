/**
 * The operations whose success needs a state that random inputs seldom find: each with what makes the state, and gives the input.
 *
 * They are asked in this order, of one control plane with three workers and the protected VM "demo".
 */
import type { Operation } from "../../../src/control/schemas/operation.ts";
import type { Failover } from "../../../src/control/schemas/vm.ts";
import type { Input } from "./contract-document.ts";
import type { ControlUnderTest } from "./control-under-test.ts";
import { smallImage } from "./image-archive.ts";

type Asked = Omit<Input, "allowed">;

/** @param use the control plane that is asked */
export function prepared(use: () => ControlUnderTest): Readonly<Record<string, () => Promise<Asked>>> {
  const of = (path: Asked["path"], rest: Partial<Asked> = {}): Asked => ({ path, query: {}, headers: {}, body: undefined, ...rest });
  const json = (path: Asked["path"], body: unknown): Asked =>
    of(path, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  /** The backup of a VM of its own: scripted primaries go on alone when a test says so, and not here. */
  const backupOf = async (vm: string): Promise<Asked["path"]> => ({ vm, replica: (await use().protectedVm(vm)).backupId });
  const single = async (target: string): Promise<Asked> => {
    await use().waitFor("single", target);
    await use().waitFor("single", "settled");
    return of({ vm: "single" });
  };
  const demo = async (target: string): Promise<Asked> => {
    await use().waitFor("demo", target);
    await use().waitFor("demo", "settled");
    return of({ vm: "demo" });
  };
  return {
    createImage: async () => of({}, { headers: { "content-type": "application/x-tar" }, body: (await smallImage("uploaded")).archive }),
    putImageAlias: async () => json({ name: "stable" }, { image: "debian" }),
    getImageAlias: async () => of({ name: "stable" }),
    deleteImageAlias: async () => of({ name: "stable" }, { headers: { "if-match": "*" } }),
    deleteImage: async () => of({ image: "uploaded" }),
    failOverVm: async () => ({ ...json((await demo("protected")).path, { mode: "test" }), query: { wait: "60" } }),
    getFailover: async () => {
      const { body } = await use().get<{ readonly items: readonly Failover[] }>("/v1/vms/demo/failovers");
      return of({ vm: "demo", failover: body.items[0]?.id ?? "" });
    },
    suspendProtection: async () => {
      await use().protectedVm("idle");
      await use().call("POST", "/v1/vms/idle/kill?wait=60");
      return of({ vm: "idle" });
    },
    resumeProtection: async () => {
      await use().waitFor("idle", "settled");
      return of({ vm: "idle" });
    },
    typeConsoleInput: async () => {
      await use().createVm("single", "none");
      const inputSession = "0b9d3c5e-7f1a-4c2b-8d6e-9a0b1c2d3e4f";
      return json((await single("running")).path, { inputSession, offset: "0", data: Buffer.from("typed").toString("base64") });
    },
    stopVm: () => single("running"),
    startVm: () => single("stopped"),
    killVm: () => single("running"),
    restartReplica: async () => of(await backupOf("restarted")),
    migrateReplica: async () => json(await backupOf("migrated"), {}),
    killReplica: async () => of(await backupOf("killed")),
    endConsoleSession: async () => {
      const socket = await use().attach("demo");
      return of({ vm: "demo", session: String((await socket.hello())["sessionId"]) });
    },
    pauseVm: () => demo("protected"),
    resumeVm: () => demo("paused"),
    resetVm: () => demo("protected"),
    deleteWorker: async () => {
      const control = use();
      await control.kill(await control.join("gone"));
      await control.call("POST", "/v1/workers/gone/fence?wait=60");
      return of({ worker: "gone" });
    },
    cancelOperation: async () => {
      await demo("protected");
      // Nobody does what is ordered.
      for (const worker of use().workers) worker.pause();
      const { body } = await use().call<Operation>("POST", "/v1/vms/demo/pause");
      return of({ operation: body.id });
    },
  };
}
