/** What the guest runs first. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { DEFAULT_CMDLINE, READY_LINE } from "../../src/images/index.ts";
import { INIT_SCRIPT, INITTAB, PROFILE, TERMINAL_SIZE_PATH, TERMINAL_SIZE_SCRIPT } from "../../src/images/init.ts";

describe("the guest's init", () => {
  it.each([
    ["/init", INIT_SCRIPT],
    ["/etc/profile", PROFILE],
    [TERMINAL_SIZE_PATH, TERMINAL_SIZE_SCRIPT],
  ])("is a script that a POSIX shell takes: %s", (_path, script) => {
    expect(spawnSync("sh", ["-n"], { input: script, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  it("prints the ready line once, after the mounts and before it loads drivers and hands over to busybox", () => {
    const lines = INIT_SCRIPT.trimEnd().split("\n");
    expect(lines[0]).toBe("#!/bin/sh");
    expect(INIT_SCRIPT.split(READY_LINE)).toHaveLength(2);
    const ready = lines.indexOf(`echo '${READY_LINE}'`);
    expect(lines.at(-1)).toBe("exec busybox init");
    expect(lines.indexOf("mount -a")).toBeGreaterThan(0);
    expect(ready).toBeGreaterThan(lines.indexOf("mount -a"));
    expect(lines.findIndex((line) => line.includes("modprobe"))).toBeGreaterThan(ready);
  });

  it("prints it in one piece, with no line that could be taken for it", () => {
    const run = spawnSync(
      "sh",
      [
        "-c",
        INIT_SCRIPT.split("\n")
          .filter((line) => line.startsWith("echo '"))
          .join("\n"),
      ],
      { encoding: "utf8" },
    );
    expect(run.stdout).toBe(`${READY_LINE}\n`);
  });

  it("gives the shell the serial console, which the kernel's console is too", () => {
    const tty = /^(\w+)::respawn:-\/bin\/sh$/m.exec(INITTAB)?.[1];
    expect(tty).toBe("ttyS0");
    expect(DEFAULT_CMDLINE.split(" ")).toContain(`console=${tty}`);
  });
});
