import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { UnderstudyError } from "../../src/base/errors.ts";
import { maskedSettings, readSettings } from "../../src/worker/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const enough = {
  UNDERSTUDY_CONTROL_URL: "ws://127.0.0.1:8081/internal/v1/workers",
  UNDERSTUDY_JOIN_TOKEN: "secret",
  UNDERSTUDY_WORKER_NAME: "worker-1",
  UNDERSTUDY_IMAGE_STORE: "/var/lib/understudy/images",
};

describe("a worker's settings", () => {
  test("what is not set has a default", () => {
    const settings = readSettings([], enough);
    expect(settings).toMatchObject({
      joinToken: "secret",
      name: "worker-1",
      zone: null,
      loggingListen: { host: "127.0.0.1", port: 0 },
      loggingAdvertise: "127.0.0.1",
      loggingTls: false,
      certificateAuthority: null,
      imageStore: "/var/lib/understudy/images",
      recordDir: null,
      logLevel: "info",
    });
    expect(settings.memoryMiB).toBeGreaterThan(0);
  });

  test("flags go over the environment, that over a file; the join token is printed by none of them", () => {
    const file = join(folder, "worker.toml");
    writeFileSync(file, 'zone = "of-the-file"\nengine = "interpreter"\nworker-name = "of-the-file"\nworker-memory-mib = 512\n');
    const settings = readSettings(["--config", file, "--zone", "of-the-flag"], enough);
    expect(settings).toMatchObject({ zone: "of-the-flag", engine: "interpreter", name: "worker-1", memoryMiB: 512 });
    expect(JSON.stringify(maskedSettings(settings))).not.toContain('"secret"');
    expect(() => readSettings(["--join-token", "shown-to-everybody"], enough)).toThrow(/there is no --join-token/);
  });

  test("the join token may be in a file, and the image store below the data folder", () => {
    const file = join(folder, "token");
    writeFileSync(file, "from-a-file\n");
    const { UNDERSTUDY_JOIN_TOKEN: _token, UNDERSTUDY_IMAGE_STORE: _store, ...rest } = enough;
    const settings = readSettings([], { ...rest, UNDERSTUDY_JOIN_TOKEN_FILE: file, UNDERSTUDY_DATA_DIR: "/srv/u" });
    expect(settings).toMatchObject({ joinToken: "from-a-file", imageStore: "/srv/u/images" });
  });

  test("a worker that listens everywhere is dialled by its host name, or as it is told", () => {
    const settings = readSettings([], { ...enough, UNDERSTUDY_LOGGING_LISTEN: "0.0.0.0:7000" });
    expect(settings.loggingListen).toEqual({ host: "0.0.0.0", port: 7000 });
    expect(settings.loggingAdvertise).toBe(settings.host);
    const told = readSettings([], { ...enough, UNDERSTUDY_LOGGING_LISTEN: "[::]:7000", UNDERSTUDY_LOGGING_ADVERTISE: "10.0.0.7" });
    expect([settings.loggingTls, told.loggingTls]).toEqual([true, true]);
    expect(told).toMatchObject({ loggingListen: { host: "::", port: 7000 }, loggingAdvertise: "10.0.0.7" });
  });

  test("TLS is spoken where an address is not the loopback's, always, or never, as it is told", () => {
    const lan = { ...enough, UNDERSTUDY_CONTROL_URL: "wss://control:8081/internal/v1/workers" };
    expect(readSettings([], { ...lan, UNDERSTUDY_LOGGING_ADVERTISE: "10.0.0.7" }).loggingTls).toBe(true);
    expect(readSettings([], lan).loggingTls).toBe(false);
    expect(readSettings(["--tls", "always"], lan).loggingTls).toBe(true);
    const plain = {
      ...enough,
      UNDERSTUDY_CONTROL_URL: "ws://control:8081/",
      UNDERSTUDY_TLS: "never",
      UNDERSTUDY_LOGGING_LISTEN: "0.0.0.0:1",
    };
    expect(readSettings([], plain)).toMatchObject({ tls: "never", loggingTls: false });
    const file = join(folder, "authority.pem");
    writeFileSync(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect(readSettings([], { ...lan, UNDERSTUDY_CA_FILE: file }).certificateAuthority).toMatch(/BEGIN CERTIFICATE/);
  });

  const wrong: readonly { readonly env: NodeJS.ProcessEnv; readonly says: RegExp }[] = [
    { env: { ...enough, UNDERSTUDY_CONTROL_URL: "" }, says: /Cannot use UNDERSTUDY_CONTROL_URL: it is not set/ },
    { env: { ...enough, UNDERSTUDY_CONTROL_URL: "http://127.0.0.1" }, says: /UNDERSTUDY_CONTROL_URL: it is "http:/ },
    { env: { ...enough, UNDERSTUDY_TLS: "yes" }, says: /UNDERSTUDY_TLS: it is "yes", wanted is auto, always, never/ },
    { env: { ...enough, UNDERSTUDY_TLS: "always" }, says: /wanted is wss:\/\/ for 127\.0\.0\.1, with which TLS is spoken/ },
    { env: { ...enough, UNDERSTUDY_CONTROL_URL: "ws://10.0.0.1:1/" }, says: /wanted is wss:\/\/ for 10\.0\.0\.1.*or UNDERSTUDY_TLS=never/ },
    { env: { ...enough, UNDERSTUDY_CONTROL_URL: "wss://10.0.0.1:1/", UNDERSTUDY_TLS: "never" }, says: /wanted is ws:\/\/, since/ },
    { env: { ...enough, UNDERSTUDY_CA_FILE: join(folder, "none.pem") }, says: /UNDERSTUDY_CA_FILE: .* a file that can be read/ },
    { env: { ...enough, UNDERSTUDY_JOIN_TOKEN: "" }, says: /UNDERSTUDY_JOIN_TOKEN: it is not set/ },
    { env: { ...enough, UNDERSTUDY_JOIN_TOKEN: "", UNDERSTUDY_JOIN_TOKEN_FILE: join(folder, "none") }, says: /a file that can be read/ },
    { env: { ...enough, UNDERSTUDY_WORKER_NAME: "Worker One" }, says: /UNDERSTUDY_WORKER_NAME: it is "Worker One"/ },
    { env: { ...enough, UNDERSTUDY_LOGGING_LISTEN: "7000" }, says: /wanted is host:port/ },
    { env: { ...enough, UNDERSTUDY_LOGGING_LISTEN: "127.0.0.1:70000" }, says: /wanted is host:port/ },
    { env: { ...enough, UNDERSTUDY_IMAGE_STORE: undefined }, says: /UNDERSTUDY_IMAGE_STORE: it is not set/ },
    {
      env: { ...enough, UNDERSTUDY_TEST_FLIP_BITS: "1.2.3,1.2.8" },
      says: /UNDERSTUDY_TEST_FLIP_BITS: it is "1.2.3,1.2.8", wanted is page/,
    },
    { env: { ...enough, UNDERSTUDY_WORKER_MEMORY_MIB: "lots" }, says: /wanted is a number of MiB/ },
    { env: { ...enough, UNDERSTUDY_ENGINE_STALL_MS: "soon" }, says: /wanted is a number of milliseconds/ },
  ];
  for (const { env, says } of wrong) {
    test(`is refused with a sentence that says what to do: ${says.source}`, () => {
      let error: unknown = null;
      try {
        readSettings([], env);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UnderstudyError);
      expect((error as UnderstudyError).code).toBe("bad_setting");
      expect((error as UnderstudyError).message).toMatch(says);
    });
  }
});
