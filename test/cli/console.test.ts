/** `vm console` against the scripted console server: keys, pipes, the escape, notices. */
import type { Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { ScriptedConsoleServer, sizeByte } from "../sdk/scripted-console-server.ts";
import { CapturedShell } from "./captured-shell.ts";
import { vmResource } from "./scripted-api.ts";

const servers: ScriptedConsoleServer[] = [];

beforeEach(() => void vi.spyOn(globalThis, "setTimeout"));

afterEach(async () => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) await server.close();
});

async function start(terminal: boolean): Promise<{ server: ScriptedConsoleServer; shell: CapturedShell; modes: boolean[] }> {
  const server = new ScriptedConsoleServer(new Prng(1));
  servers.push(server);
  (server as unknown as { server: Server }).server.on("request", (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(vmResource()));
  });
  const shell = new CapturedShell({ UNDERSTUDY_API_URL: await server.listen(), UNDERSTUDY_TOKEN: "secret" });
  const modes: boolean[] = [];
  if (terminal) Object.assign(shell.stdin, { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) });
  return { server, shell, modes };
}

/** Every delay that was waited for since the test began. */
function timeouts(): (number | undefined)[] {
  return vi.mocked(setTimeout).mock.calls.map(([, delayMs]) => delayMs);
}

function typed(server: ScriptedConsoleServer): string {
  return [...server.sessions.keys()].map((session) => server.typed(session)).join("");
}

describe("vm console in a terminal", () => {
  it("shows the output, types keys one by one, and leaves at Ctrl-] with the terminal as it was", async () => {
    const { server, shell, modes } = await start(true);
    server.print("understudy:~# ");
    const done = shell.run("vm", "console", "demo");
    await shell.shows("understudy:~# ");
    shell.stdin.write("l");
    shell.stdin.write("s\r");
    await server.until(() => typed(server) === "ls\r");
    server.print("bin dev\r\n");
    await shell.shows("bin dev");
    shell.stdin.write("x\x1dnot this");
    const { code, stdout, stderr } = await done;
    expect(code).toBe(0);
    expect(stdout).toBe("understudy:~# bin dev\r\n");
    expect(typed(server)).toBe("ls\rx");
    expect(stderr).toContain("Ctrl-] leaves");
    expect(modes).toEqual([true, false]);
  });

  it("says what size the terminal has, at first and whenever it changes", async () => {
    const { server, shell } = await start(true);
    const stdout = Object.assign(shell.stdout, { isTTY: true, columns: 100, rows: 30 });
    const shown = (...sizes: [number, number][]) => sizes.map(([cols, rows]) => String.fromCharCode(sizeByte({ cols, rows }))).join("");
    const done = shell.run("vm", "console", "demo");
    await server.until(() => typed(server) === shown([100, 30]));
    shell.stdin.write("x");
    await server.until(() => typed(server) === `${shown([100, 30])}x`);
    Object.assign(stdout, { columns: 81 });
    stdout.emit("resize");
    await server.until(() => typed(server) === `${shown([100, 30])}x${shown([81, 30])}`);
    shell.stdin.write("\x1d");
    expect((await done).code).toBe(0);
    expect(stdout.listenerCount("resize")).toBe(0);
  });

  it("says that a failover happened, and goes on", async () => {
    const { server, shell } = await start(true);
    const done = shell.run("vm", "console", "demo");
    await shell.shows("attached to demo");
    server.failover();
    await shell.shows("term 2: worker_lost, gap 12.0 ms");
    shell.stdin.write("\x1d");
    expect((await done).code).toBe(0);
  });

  it("shows the history without its questions, which the terminal would answer into the guest, and asks those that come", async () => {
    const { server, shell } = await start(true);
    server.print("# \x1b[6n\x1b[32mls\x1b[0m\r\n# \x1b[6");
    const done = shell.run("vm", "console", "demo");
    await shell.shows("ls\x1b[0m\r\n# ");
    server.print("n now \x1b[6n");
    await shell.shows("now \x1b[6n");
    shell.stdin.write("\x1d");
    expect((await done).stdout).toBe("# \x1b[32mls\x1b[0m\r\n# \x1b[6n now \x1b[6n");
  });

  it("types nothing with --read-only", async () => {
    const { server, shell, modes } = await start(true);
    const done = shell.run("vm", "console", "demo", "--read-only", "--from", "0");
    server.print("boot");
    await shell.shows("boot");
    shell.stdin.write("rm -rf /\r");
    shell.abort.abort();
    expect((await done).code).toBe(0);
    expect(server.upgrades[0]?.url.search).toBe("?mode=read&from=0");
    expect(server.sessions.size).toBe(0);
    expect(modes).toEqual([]);
  });

  it("ends in order when the VM is deleted", async () => {
    const { server, shell } = await start(true);
    const done = shell.run("vm", "console", "demo");
    await shell.shows("attached to demo");
    for (const viewer of server.viewers) viewer.socket.close(4410, "deleted");
    const { code, stderr } = await done;
    expect(code).toBe(0);
    expect(stderr).toContain("demo was deleted");
  });
});

describe("vm console in a pipe", () => {
  it("types stdin, and ends when it is acknowledged and the guest is quiet", async () => {
    const { server, shell } = await start(false);
    const done = shell.run("vm", "console", "demo", "--from", "end");
    shell.stdin.end("uname\n");
    await server.until(() => typed(server) === "uname\n");
    server.print("Linux\r\n");
    const { code, stdout, stderr } = await done;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "Linux\r\n", stderr: "" });
  });

  it("does not take the silence of a guest that has never written anything for its last word", async () => {
    const { server, shell } = await start(false);
    const done = shell.run("vm", "console", "demo");
    shell.stdin.end("early\n");
    await server.until(() => typed(server) === "early\n");
    await vi.waitFor(() => expect(timeouts()).toContain(30_000));
    expect(timeouts()).not.toContain(1_000);
    server.print("booted\r\n");
    expect(await done).toMatchObject({ code: 0, stdout: "booted\r\n" });
  });

  it("waits for a silence as long as it is told to", async () => {
    const { server, shell } = await start(false);
    server.print("# ");
    const done = shell.run("vm", "console", "demo", "--quiet", "3");
    shell.stdin.end("x\n");
    await server.until(() => typed(server) === "x\n");
    expect(await done).toMatchObject({ code: 0, stdout: "# " });
    expect(timeouts()).toContain(3_000);
    expect(timeouts()).not.toContain(1_000);
  });

  it("types bytes beyond ASCII as they are: an escape character is no escape here", async () => {
    const { server, shell } = await start(false);
    server.print("# ");
    const done = shell.run("vm", "console", "demo");
    shell.stdin.end("a\x1db\u00e9\n");
    expect((await done).code).toBe(0);
    expect(typed(server)).toBe("a\x1db\u00e9\n");
  });
});
