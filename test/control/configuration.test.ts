/** Where a server's settings come from, and what goes over what; the worker's are read by the same layers (`test/worker/settings.test.ts`). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { maskedConfiguration, readConfiguration } from "../../src/control/configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-configuration-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "control-plane.toml");
  writeFileSync(path, text);
  return path;
}

describe("a control plane's configuration", () => {
  test("is flags over environment over file over defaults", () => {
    const config = file('listen = "10.0.0.1:1"\ndata-dir = "/of-the-file"\nlog-level = "warn"\nworker-lost-ms = 700\nvm-lost-ms = 800\n');
    const env = {
      UNDERSTUDY_DATA_DIR: "/of-the-environment",
      UNDERSTUDY_LOG_LEVEL: "debug",
      UNDERSTUDY_VM_LOST_MS: "",
      UNDERSTUDY_LISTEN: "",
    };
    const { listen, internalListen, dataDir, logLevel, settings } = readConfiguration(
      ["--config", config, "--log-level=trace", "--worker-lost-ms", "900"],
      env,
    );
    expect({ listen, internalListen, dataDir, logLevel, settings }).toEqual({
      listen: { host: "10.0.0.1", port: 1 },
      internalListen: { host: "127.0.0.1", port: 8081 },
      dataDir: "/of-the-environment",
      logLevel: "trace",
      settings: { workerLostMs: 900, vmLostMs: 800 },
    });
    expect(readConfiguration([], { ...env, UNDERSTUDY_CONFIG_FILE: config }).listen.port).toBe(1);
  });

  test("names the files of a certificate authority of one's own, and makes one where there is none", () => {
    const { tls, authorityFiles } = readConfiguration(["--tls=always", "--ca-file", "/a.pem", "--ca-key-file", "/a.key"], {});
    expect({ tls, authorityFiles }).toEqual({ tls: "always", authorityFiles: { certificate: "/a.pem", privateKey: "/a.key" } });
    expect(readConfiguration([], {})).toMatchObject({ tls: "auto", authorityFiles: null });
  });

  test("is printed without its secrets", () => {
    const config = file('token = "ust_secret_1"\n');
    const env = { UNDERSTUDY_JOIN_TOKEN: "usj_secret_2", DATABASE_URL: "postgres://me:secret_3@there/understudy" };
    const configuration = readConfiguration(["--config", config], env);
    expect([configuration.token, configuration.joinToken]).toEqual(["ust_secret_1", "usj_secret_2"]);
    const printed = JSON.stringify(maskedConfiguration(configuration));
    expect(printed).not.toMatch(/secret_/);
    expect(printed).toContain("postgres://me:***@there/understudy");
  });

  test.each([
    [["--colour", "red"], "", /there is no --colour, there are --config, --data-dir/],
    [["--token", "ust_shown_to_everybody"], "", /there is no --token/],
    [["--listen"], "", /--listen is without its value/],
    [["--listen", "nowhere"], "", /Cannot use UNDERSTUDY_LISTEN: it is "nowhere"/],
    [[], "colour = 1", /control-plane\.toml: there is no setting "colour"/],
    [[], "listen = true", /"listen" is neither text nor a number/],
    [[], "listen =", /Cannot use the configuration file .*control-plane\.toml: Invalid TOML/],
    [["--tls", "on"], "", /Cannot use UNDERSTUDY_TLS: it is "on", wanted is auto, always, never/],
    [["--ca-file", "authority.pem"], "", /without both UNDERSTUDY_CA_FILE and UNDERSTUDY_CA_KEY_FILE/],
    [[], 'worker-lost-ms = "soon"', /Cannot use UNDERSTUDY_WORKER_LOST_MS/],
  ])("with %j and %j is refused in words", (argv, text, says) => {
    expect(() => readConfiguration(["--config", file(text), ...argv], {})).toThrow(says);
  });

  test("of a file that is not there is refused", () => {
    expect(() => readConfiguration(["--config", join(folder, "none.toml")], {})).toThrow(/configuration file .*none\.toml: ENOENT/);
  });
});
