/** How a client comes to a console: what is refused before the upgrade, and which frames end it. One VM hears them all. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { ConsoleSocket, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
let vm: Vm;

beforeAll(async () => {
  control = await ControlUnderTest.start({ workers: ["one", "two"] });
  ({ vm } = await control.protectedVm("demo"));
});
afterAll(() => control.close());

describe("attaching", () => {
  const at = (query: string, headers?: Record<string, string>, protocols?: string[]) =>
    new ConsoleSocket(`${control.url.replace("http", "ws")}/v1/vms/demo/console?${query}`, headers, protocols);

  test("with the token in a subprotocol, as browsers must", async () => {
    const socket = at("from=start", {}, ["understudy.console.v1", `understudy.bearer.${Buffer.from(TOKEN).toString("base64url")}`]);
    expect(await socket.hello()).toMatchObject({ vmId: vm.id });
    socket.terminate();
  });

  test.each([
    ["without a token", "", {}, 401, "unauthenticated"],
    ["with a wrong token", "", { authorization: "Bearer wrong" }, 401, "unauthenticated"],
    ["beyond the end", "from=1000000", undefined, 422, "validation_failed"],
    ["at an offset that is none", "from=-1", undefined, 422, "validation_failed"],
    ["in a mode that is none", "mode=own", undefined, 422, "validation_failed"],
    ["with an input session that is no UUID", "mode=write&inputSession=me", undefined, 422, "validation_failed"],
    ["with a parameter that is none", "form=start", undefined, 422, "validation_failed"],
  ] as const)("%s is refused before the upgrade", async (_what, query, headers, status, code) => {
    const socket = at(query, headers as Record<string, string> | undefined);
    const refusal = await socket.until(() => socket.refusal);
    expect([refusal.status, refusal.body["code"]]).toEqual([status, code]);
    if (query.startsWith("from=1000000")) expect(String(refusal.body["detail"])).toContain("ends at 0");
  });

  const credential = `understudy.bearer.${Buffer.from(TOKEN).toString("base64url")}`;
  test.each([
    ["foo", undefined, ["foo"]],
    ["foo and bar, of a page", {}, ["foo", "bar", credential]],
  ])("with no subprotocol that is known, but %s, is refused before the upgrade", async (_what, headers, protocols) => {
    const socket = at("", headers, protocols);
    const { status, body } = await socket.until(() => {
      if (socket.messages.length > 0) throw new Error("it was upgraded");
      return socket.refusal;
    });
    expect([status, body["code"]]).toEqual([400, "bad_request"]);
    expect(String(body["detail"])).toMatch(
      /^Cannot attach with the subprotocol "foo"(, "bar")?: offer understudy\.console\.v1 or understudy\.console\.raw$/,
    );
  });

  test.each([
    ["none at all", undefined, []],
    ["one that is known among others", undefined, ["foo", "understudy.console.v1"]],
  ])("with a subprotocol that is %s has messages", async (_what, headers, protocols) => {
    const socket = at("", headers, protocols);
    expect(await socket.hello()).toMatchObject({ vmId: vm.id });
    socket.terminate();
  });

  test("without an upgrade is 426", async () => {
    const { status, body, headers } = await control.get<{ code: string }>("/v1/vms/demo/console");
    expect([status, body.code, headers.get("upgrade")]).toEqual([426, "upgrade_required", "websocket"]);
  });

  test.each([
    ["a frame shorter than its header", Buffer.from([2, 0, 0])],
    ["a frame of an unknown type", Buffer.alloc(20, 9)],
    ["a frame with flags", Buffer.concat([Buffer.from([2, 1]), Buffer.alloc(15)])],
    ["an IN frame without bytes", Buffer.concat([Buffer.from([2]), Buffer.alloc(15)])],
    ["an OUT frame", Buffer.concat([Buffer.from([1]), Buffer.alloc(16)])],
    ["an ACK of what was not sent", Buffer.concat([Buffer.from([3]), Buffer.alloc(14), Buffer.from([99, 0, 0, 0, 9])])],
    ["an IN frame over 32 KiB", Buffer.concat([Buffer.from([2]), Buffer.alloc(15 + 33 * 1024)])],
    ["a frame over 256 KiB, which is not read", Buffer.alloc(256 * 1024 + 1)],
    ["a text frame over 256 KiB, which is not read", "x".repeat(2 ** 20)],
    ["a text frame that is not JSON", "hello"],
    ["a text frame of an unknown type", '{"type":"resize"}'],
    ["a text frame that is no object", "null"],
  ])("%s is answered with 4400", async (_what, data) => {
    const socket = await control.attach("demo", { mode: "write", takeover: "true" });
    socket.sendRaw(data as Buffer | string);
    const { code, reason } = await socket.until(() => socket.closed);
    expect(code).toBe(4400);
    expect(reason).toMatch(/^Cannot /);
    expect(control.log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  test.each([
    ["text that is not UTF-8", Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]), /not UTF-8/],
    ["a frame with reserved bits", Buffer.from([0xf2, 0x80, 0, 0, 0, 0]), /WebSocket protocol/],
    ["a frame without a mask", Buffer.from([0x82, 0x01, 0x09]), /WebSocket protocol/],
  ])("%s is answered with 4400, too", async (_what, bytes, says) => {
    const socket = await control.attach("demo");
    socket.sendBytes(bytes);
    expect(await socket.until(() => socket.closed)).toEqual({ code: 4400, reason: expect.stringMatching(says) });
    expect(control.log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });

  test("a client that closes with a code of the protocol, and no reason, gets that code back", async () => {
    const socket = await control.attach("demo");
    socket.close(1009);
    expect(await socket.until(() => socket.closed)).toEqual({ code: 1009, reason: "" });
  });
});
